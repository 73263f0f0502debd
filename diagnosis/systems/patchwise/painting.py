"""Maps of patches painted onto pixels (Ghavami Modegh et al., section 2.8)."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from diagnosis.systems.patchwise.patches import Patches

Painted = TypeVar("Painted", np.bool_, np.float32)


def painted(values: NDArray[Painted], patches: Patches) -> NDArray[Painted]:
    """Return ``[n, stride * y, stride * x]``: every pixel takes the largest value of all patches over it.

    ``values`` ``[n, y, x]`` are those of the patches of whole images; booleans are true where any patch is.
    """
    return _spread(_spread(values, patches, 1), patches, 2)


def _spread(values: NDArray[Painted], patches: Patches, axis: int) -> NDArray[Painted]:
    count = values.shape[axis]
    pixels = np.arange(count * patches.stride)
    first = -((patches.size - 1 - patches.before - pixels) // patches.stride)
    last = (pixels + patches.before) // patches.stride
    result: NDArray[Painted] = np.take(values, np.clip(first, 0, count - 1), axis)
    for step in range(1, int((last - first).max()) + 1):
        over = np.clip(np.minimum(first + step, last), 0, count - 1)
        np.maximum(result, np.take(values, over, axis), out=result)
    return result
