"""Arrays and heatmaps as they are stored."""

from __future__ import annotations

from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from diagnosis.results import Heatmap


def packed(array: NDArray[Any]) -> bytes:
    """Return an array as zstd of its values, little-endian, the last axis fastest."""
    little_endian = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return zstandard.ZstdCompressor(level=3).compress(np.ascontiguousarray(little_endian).data)


def packed_values(heatmap: Heatmap) -> bytes:
    """Return value / reference of a heatmap ``[z, y, x]`` as packed float16."""
    return packed((heatmap.values / heatmap.reference).astype(np.float16))


def placed(heatmap: Heatmap) -> dict[str, Any]:
    """Return the columns of `HeatmapRow` that say how its values are read and where they lie."""
    return {
        "reference": heatmap.reference,
        "threshold": heatmap.threshold,
        "shape": list(heatmap.values.shape),
        "affine": heatmap.affine.tolist(),
    }
