"""Give diseased lung back to the lungs: holes, vessels at the surface, consolidation at the chest wall."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from diagnosis.lungs.morphology import Spacing, ball, bounding_box, closed, disk, without_small
from diagnosis.volume import BoolArray, FloatArray

_SURFACE_MM = 4.5
_DEGREES = 2
_SPAN_DEGREES = 44
_SPAN_MM = 50.0
_DEEPEST_MM = 45.0
_THIN_MM = 2.5
_SMALLEST_ML = 1.0
_SOLID_HU = (-400.0, 130.0)
_FLUID_HU = (-20.0, 20.0)
_FLUID_ML = 40.0


def fill_holes(lung: BoolArray) -> BoolArray:
    """Fill what is closed in on all sides, and what is a hole in at least two of the three planes.

    One plane is not enough: the top of the liver is a hole in the axial plane.
    """
    box = bounding_box(lung, margin=1)
    part = lung[box]
    votes = np.zeros(part.shape, dtype=np.uint8)
    for axis in range(3):
        votes += _holes_along(part, axis)
    filled = ndimage.binary_fill_holes(part | (votes >= 2))
    result = lung.copy()
    result[box] = filled
    return result


def _holes_along(mask: BoolArray, axis: int) -> BoolArray:
    """Background that does not reach the border of its plane; the planes stand across ``axis``."""
    structure = ndimage.generate_binary_structure(3, 1)
    structure[tuple(slice(None, None, 2) if other == axis else 1 for other in range(3))] = False
    labels, count = ndimage.label(~mask, structure)
    hole = np.ones(count + 1, dtype=bool)
    hole[0] = False
    for other in range(3):
        if other != axis:
            hole[np.take(labels, (0, -1), axis=other)] = False
    return np.asarray(hole[labels])


def close_surface(lung: BoolArray, spacing_mm: Spacing) -> BoolArray:
    """Close dents of the surface narrower than a vessel or a small nodule."""
    box = bounding_box(lung, margin=8)
    result = lung.copy()
    result[box] |= closed(lung[box], ball(spacing_mm, max(_SURFACE_MM, *spacing_mm[1:])))
    return result


def costal_filling(
    lung: BoolArray, hu: FloatArray, allowed: BoolArray, centre: tuple[float, float], spacing_mm: Spacing
) -> BoolArray:
    """Return solid tissue that fills dents of the lung's costal surface: consolidation at the pleura.

    Seen from the middle of the chest (``centre``: y, x), the healthy costal surface is convex. Where its
    distance dips between neighbouring angles and slices, the dip is filled. Heart, spine, hilum and
    diaphragm lie before the lung, not behind it, and are never filled. Plain fluid (effusion) is left out.
    """
    box = bounding_box(lung, margin=round(_DEEPEST_MM / spacing_mm[2]))
    inside = lung[box]
    radius, angle = _polar(inside.shape[1:], box, centre, spacing_mm, left=_is_left(lung, centre))
    outer = _outer_surface(inside, radius, angle)
    span_z = max(3, round(_SPAN_MM / spacing_mm[0]) | 1)
    # Room beyond the first and last slice, or the taper of apex and base would count as a dip.
    padded = np.pad(outer, ((span_z, span_z), (0, 0)))
    level = ndimage.grey_closing(padded, size=(span_z, _SPAN_DEGREES // _DEGREES | 1))[span_z:-span_z]
    deep = (level - outer > _THIN_MM) & (outer > 0) & (level - outer < _DEEPEST_MM)
    dent = np.zeros(inside.shape, dtype=bool)
    low, high = _SOLID_HU
    for index in np.flatnonzero(deep.any(axis=1)):
        behind = (radius > outer[index][angle]) & (radius <= level[index][angle]) & deep[index][angle]
        dent[index] = behind & ~inside[index] & allowed[box][index]
    dent &= (hu[box] > low) & (hu[box] < high)
    for index in np.flatnonzero(dent.any(axis=(1, 2))):
        dent[index] = ndimage.binary_opening(dent[index], disk(spacing_mm, _THIN_MM))
    result = np.zeros_like(lung)
    result[box] = _without_fluid(dent, hu[box], spacing_mm)
    return result


def _is_left(lung: BoolArray, centre: tuple[float, float]) -> bool:
    columns = lung.any(axis=(0, 1))
    return float(np.flatnonzero(columns).mean()) > centre[1]


def _polar(
    shape: tuple[int, ...],
    box: tuple[slice, slice, slice],
    centre: tuple[float, float],
    spacing_mm: Spacing,
    *,
    left: bool,
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Distance in mm and angle bin of every pixel; angles are counted from the lung's own side."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    dy = (y + box[1].start - centre[0]) * spacing_mm[1]
    dx = (x + box[2].start - centre[1]) * spacing_mm[2] * (1 if left else -1)
    degree = np.degrees(np.arctan2(dy, dx)) + 180.0
    angle = np.minimum(degree // _DEGREES, 360 // _DEGREES - 1).astype(np.intp)
    return np.hypot(dy, dx).astype(np.float32), angle


def _outer_surface(
    lung: BoolArray, radius: NDArray[np.float32], angle: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Largest distance of the lung per slice and angle bin, 0 where there is none."""
    outer = np.zeros((len(lung), 360 // _DEGREES), dtype=np.float32)
    for index, image in enumerate(lung):
        np.maximum.at(outer[index], angle[image], radius[image])
    return outer


def _without_fluid(dent: BoolArray, hu: FloatArray, spacing_mm: Spacing) -> BoolArray:
    voxel_ml = float(np.prod(spacing_mm)) / 1000.0
    dent = without_small(dent, round(_SMALLEST_ML / voxel_ml))
    for box, piece in _pieces(dent):
        fluid = _FLUID_HU[0] < float(np.median(hu[box][piece])) < _FLUID_HU[1]
        if fluid and float(piece.sum()) * voxel_ml > _FLUID_ML:
            dent[box] &= ~piece
    return dent


def _pieces(mask: BoolArray) -> Iterator[tuple[tuple[slice, slice, slice], BoolArray]]:
    labels, _ = ndimage.label(mask)
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        yield box, labels[box] == number
