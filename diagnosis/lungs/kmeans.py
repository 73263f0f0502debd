"""Lungs by K-means on each slice, as Ghavami Modegh et al. find them (section 2.3), with fallbacks."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from diagnosis.geometry import RefusedInput
from diagnosis.preprocessing.histogram import two_means_threshold
from diagnosis.results import LEFT_LUNG, RIGHT_LUNG
from diagnosis.volume import BoolArray, FloatArray, LabelArray

_PUBLISHED_SIZE = 512
_SMALLEST_PIXELS = 5000
_ERODE = 3
_DILATE = 8
_SHARED_PART = 0.25
_MIDDLE_THIRD = (1 / 3, 2 / 3)


def kmeans_lungs(image: FloatArray) -> LabelArray:
    """Return uint8 ``[z, y, x]``, 1 right 2 left, from a volume whose batch effect was removed (0..1).

    Per slice: two clusters, the darker one eroded by 3 x 3 and dilated by 8 x 8 (anchored half a pixel
    towards the origin, since 8 is even), components of fewer than 5000 pixels of a 512 x 512 image
    dropped, the largest on each side kept. Consolidation is in the brighter cluster and is lost, as
    published. Raises RefusedInput (code ``no_lungs``) when no slice shows a lung.
    """
    result = np.zeros(image.shape, dtype=np.uint8)
    for index, pixels in enumerate(image):
        result[index] = _slice_lungs(pixels)
    if not result.any():
        raise RefusedInput(
            "no_lungs", "No lungs found: no slice shows air in a body. Choose a CT of the chest."
        )
    return result


def smallest_component(shape: tuple[int, ...]) -> int:
    """Return the published 5000 pixels, scaled from 512 x 512 to an image of this shape."""
    return max(1, round(_SMALLEST_PIXELS * math.prod(shape) / _PUBLISHED_SIZE**2))


def _slice_lungs(image: FloatArray) -> LabelArray:
    dark = image < two_means_threshold(image)
    core = ndimage.minimum_filter(dark, _ERODE, mode="nearest")
    published = _inside(ndimage.maximum_filter(core, _DILATE, mode="nearest"))
    result = _sides(published)
    if result is None:
        return _without_dilation(core)
    for side in (RIGHT_LUNG, LEFT_LUNG):
        if not (result == side).any():
            spared = _without_dilation(core)
            result[(spared == side) & (result == 0)] = side
    return result


def _without_dilation(core: BoolArray) -> LabelArray:
    """Fallback where 8 x 8 joined a lung with the other one, or with the air outside: give back only
    what the erosion took."""
    inside = _inside(ndimage.maximum_filter(core, _ERODE, mode="nearest"))
    sides = _sides(inside)
    return _cut(inside) if sides is None else sides


def _inside(mask: BoolArray) -> NDArray[np.int32]:
    """Components large enough to be a lung that do not reach the image border, numbered from 1."""
    labels, count = ndimage.label(mask, np.ones((3, 3), dtype=bool))
    keep = np.bincount(labels.ravel(), minlength=count + 1) >= smallest_component(mask.shape)
    keep[labels[[0, -1], :]] = False
    keep[labels[:, [0, -1]]] = False
    keep[0] = False
    return np.asarray(np.where(keep[labels], labels, 0))


def _sides(labels: NDArray[np.int32]) -> LabelArray | None:
    """Largest component on each side of the image; None when there is none, or one lies on both sides."""
    half = labels.shape[1] // 2
    result = np.zeros(labels.shape, dtype=np.uint8)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    left_part = np.bincount(labels[:, half:].ravel(), minlength=len(sizes)) / np.maximum(sizes, 1)
    if not sizes.any():
        return None
    for side, on_side in ((RIGHT_LUNG, left_part < 0.5), (LEFT_LUNG, left_part >= 0.5)):
        candidates = np.where(on_side, sizes, 0)
        best = int(candidates.argmax())
        if not candidates[best]:
            continue
        if _SHARED_PART < left_part[best] < 1 - _SHARED_PART:
            return None
        result[labels == best] = side
    return result


def _cut(labels: NDArray[np.int32]) -> LabelArray:
    """Last fallback: cut the lungs at the emptiest column of the middle third."""
    mask = labels > 0
    first, last = (int(mask.shape[1] * part) for part in _MIDDLE_THIRD)
    column = first + int(mask[:, first:last].sum(axis=0).argmin()) if last > first else mask.shape[1] // 2
    result = np.zeros(mask.shape, dtype=np.uint8)
    result[:, :column][mask[:, :column]] = RIGHT_LUNG
    result[:, column:][mask[:, column:]] = LEFT_LUNG
    return result
