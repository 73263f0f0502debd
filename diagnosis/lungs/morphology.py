"""Shapes and operations in millimetres on boolean arrays ``[z, y, x]``."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from diagnosis.volume import BoolArray

Spacing = tuple[float, float, float]


def ball(spacing_mm: Spacing, radius_mm: float) -> BoolArray:
    """Return a ball as structuring element; an axis with larger voxels than the radius gets one layer."""
    reach = [int(radius_mm / step) for step in spacing_mm]
    z, y, x = np.ogrid[tuple(slice(-n, n + 1) for n in reach)]
    dz, dy, dx = spacing_mm
    return np.asarray((z * dz) ** 2 + (y * dy) ** 2 + (x * dx) ** 2 <= radius_mm**2 * 1.0001)


def disk(spacing_mm: Spacing, radius_mm: float) -> BoolArray:
    """Return an in-plane disk as 2-D structuring element."""
    return np.asarray(ball((radius_mm * 2, spacing_mm[1], spacing_mm[2]), radius_mm)[0])


def dilated(mask: BoolArray, element: BoolArray) -> BoolArray:
    """Return the dilation by a symmetric element, composed of shifted copies: fast for small elements."""
    result = mask.copy()
    centre = [size // 2 for size in element.shape]
    for offset in np.argwhere(element):
        shift = tuple(int(a - b) for a, b in zip(offset, centre, strict=True))
        if any(shift):
            source = tuple(slice(max(0, -s), n - max(0, s)) for s, n in zip(shift, mask.shape, strict=True))
            target = tuple(slice(max(0, s), n - max(0, -s)) for s, n in zip(shift, mask.shape, strict=True))
            result[target] |= mask[source]
    return result


def eroded(mask: BoolArray, element: BoolArray) -> BoolArray:
    """Return the erosion by a symmetric element; beyond the border counts as foreground."""
    return ~dilated(~mask, element)


def opened(mask: BoolArray, element: BoolArray) -> BoolArray:
    """Return erosion followed by dilation: what is thinner than the element goes."""
    return dilated(eroded(mask, element), element)


def closed(mask: BoolArray, element: BoolArray) -> BoolArray:
    """Return dilation followed by erosion: gaps narrower than the element are filled."""
    return eroded(dilated(mask, element), element)


def bounding_box(mask: BoolArray, margin: int = 0) -> tuple[slice, slice, slice]:
    """Return the smallest box around the mask, ``margin`` voxels larger where the array allows it.

    The mask must not be empty.
    """
    slices = []
    for axis, size in enumerate(mask.shape):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        hit = np.flatnonzero(mask.any(axis=others))
        slices.append(slice(max(0, int(hit[0]) - margin), min(size, int(hit[-1]) + 1 + margin)))
    return slices[0], slices[1], slices[2]


def without_small(mask: BoolArray, smallest: int) -> BoolArray:
    """Return the mask without its (6-connected) components of fewer than ``smallest`` voxels."""
    labels, _ = ndimage.label(mask)
    keep = np.bincount(labels.ravel()) >= smallest
    keep[0] = False
    return np.asarray(keep[labels])
