"""Arrays as they are stored."""

from __future__ import annotations

from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray


def packed(array: NDArray[Any]) -> bytes:
    """Return an array as zstd of its values, little-endian, the last axis fastest."""
    little_endian = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return zstandard.ZstdCompressor(level=3).compress(np.ascontiguousarray(little_endian).data)
