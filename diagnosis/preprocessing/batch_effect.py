"""Batch-effect removal of Ghavami Modegh et al., section 2.2: one grey scale for all scanners."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from diagnosis.preprocessing.histogram import two_means_threshold
from diagnosis.volume import BoolArray, FloatArray, HounsfieldArray

_LOWEST_HU, _HIGHEST_HU = -2000, 3000
SCALE_HU = 2048
"""HU above air that are 1 on the grey scale."""
_PADDING_HU = -1500
"""What scanners write where they did not measure lies far below air."""
_AIR_HU = -1000.0
_COARSE = 2
_SLAB = 16
_IN_PLANE = np.stack([np.zeros((3, 3)), [[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.zeros((3, 3))])


def remove_batch_effect(hu: HounsfieldArray, background: float | None = None) -> FloatArray:
    """Return float32 ``[z, y, x]`` in 0..1: air outside the body near 0, water near 0.49.

    ``background`` is `background_hu` of the whole series where ``hu`` is only a part of it; None: of ``hu``.

    HU are clipped to -2000..3000, the median of the air outside the body over all slices is subtracted,
    the range above it is cut to 0..2048 and divided by 2048; last comes a 3 x 3 median in each slice. The
    paper does not say what "background" is: here the air that reaches the image border, without padding.
    """
    zero = round(background_hu(hu) if background is None else background)
    result = np.empty(hu.shape, dtype=np.float32)
    for start in range(0, len(hu), _SLAB):
        slab = np.clip(hu[start : start + _SLAB], _LOWEST_HU, _HIGHEST_HU)
        slab = np.clip(slab - np.int16(zero), 0, SCALE_HU)
        np.divide(_median_3x3(slab), np.float32(SCALE_HU), out=result[start : start + _SLAB])
    return result


def without_removal(hu: HounsfieldArray) -> FloatArray:
    """Return the same scale with air taken to be -1000 HU and without median: what the removal is measured
    against."""
    above_air = np.clip(hu, int(_AIR_HU), int(_AIR_HU) + SCALE_HU) - np.int16(_AIR_HU)
    return np.asarray(above_air / np.float32(SCALE_HU))


def _median_3x3(images: NDArray[np.int16]) -> NDArray[np.int16]:
    """Median of each pixel's 3 x 3 neighbours; the edge is repeated. From sorted columns of three:
    the median of nine is the median of the largest low, the middle middle and the smallest high."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)), mode="edge")
    low, middle, high = _sorted(padded[:, :-2], padded[:, 1:-1], padded[:, 2:])
    largest_low = np.maximum(np.maximum(low[..., :-2], low[..., 1:-1]), low[..., 2:])
    middle_middle = _sorted(middle[..., :-2], middle[..., 1:-1], middle[..., 2:])[1]
    smallest_high = np.minimum(np.minimum(high[..., :-2], high[..., 1:-1]), high[..., 2:])
    return _sorted(largest_low, middle_middle, smallest_high)[1]


def _sorted(
    a: NDArray[np.int16], b: NDArray[np.int16], c: NDArray[np.int16]
) -> tuple[NDArray[np.int16], NDArray[np.int16], NDArray[np.int16]]:
    low, high = np.minimum(a, b), np.maximum(a, b)
    return np.minimum(low, c), np.maximum(low, np.minimum(high, c)), np.maximum(high, c)


def background_hu(hu: HounsfieldArray | FloatArray) -> float:
    """Return the median HU of the air around the body over all slices.

    Background voxels are the lower of two K-means clusters, joined to the image border within their
    slice, without padding. Every second pixel is looked at: the median of millions does not notice. A
    series without such air (the body fills the image) gives -1000, the air of the Hounsfield scale.
    """
    coarse = hu[:, ::_COARSE, ::_COARSE]
    real = coarse >= _PADDING_HU
    if not real.any():
        return _AIR_HU
    low = real & (coarse < two_means_threshold(coarse[real]))
    outside = _joined_to_border(low | ~real) & real
    return float(np.median(coarse[outside])) if outside.any() else _AIR_HU


def _joined_to_border(mask: BoolArray) -> BoolArray:
    labels, count = ndimage.label(mask, _IN_PLANE)
    joined = np.zeros(count + 1, dtype=bool)
    for axis in (1, 2):
        joined[np.take(labels, (0, -1), axis=axis)] = True
    joined[0] = False
    return np.asarray(joined[labels])
