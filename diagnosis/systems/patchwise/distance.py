"""How far every pixel of a lung lies from the pleura (Ghavami Modegh et al., section 2.4)."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from diagnosis.volume import BoolArray, FloatArray

SCALE_PIXELS = 64
"""Pixels that count as 1; the paper does not name a scale."""


def distance_map(masks: BoolArray) -> FloatArray:
    """Return float32 ``[n, y, x]`` of lung masks ``[n, y, x]``: steps to the peripheral pixel nearest, / 64.

    Steps go along rows and columns (Manhattan distance). Peripheral are pixels of the lung beside one that
    is none, or beside the border of the image; they and everything outside the lung are 0.
    """
    steps = np.zeros(masks.shape, dtype=np.float32)
    for index, mask in enumerate(masks):
        if mask.any():
            inside = ndimage.distance_transform_cdt(np.pad(mask, 1), metric="taxicab")[1:-1, 1:-1]
            steps[index] = np.maximum(inside - 1, 0)
    return np.asarray(steps / np.float32(SCALE_PIXELS))
