"""The lungs of a chest CT without a network: air inside the body, sides, airways out, disease put back."""

from __future__ import annotations

import numpy as np

from diagnosis.geometry import RefusedInput
from diagnosis.lungs.airways import airways
from diagnosis.lungs.body import AIR_HU, body_mask
from diagnosis.lungs.closing import close_surface, costal_filling, fill_holes
from diagnosis.lungs.morphology import Spacing, bounding_box
from diagnosis.lungs.sides import split_sides
from diagnosis.preprocessing.resampling import (
    block_affine,
    block_mean,
    factors_for,
    positions_in,
    sample_linear,
)
from diagnosis.results import LEFT_LUNG, RIGHT_LUNG
from diagnosis.volume import BoolArray, CTVolume, FloatArray, LabelArray, spacing_of

_WORKING_MM = 2.0
_SMALLEST_ML = 250.0
_LARGEST_ML = 12000.0
_PLAUSIBLE_HU = (-965.0, -350.0)
_SLAB = 16


def closed_lungs(volume: CTVolume) -> LabelArray:
    """Return the lungs as uint8 ``[z, y, x]``: 1 right, 2 left, lesions and vessels included.

    Trachea, main bronchi and effusion are left out. Works on a grid of at most 2 mm voxels (the series'
    own where that is coarser) and returns to the series grid by linear interpolation. Raises
    RefusedInput (code ``no_lungs``).
    """
    factors = factors_for(volume.spacing_mm, _WORKING_MM)
    hu = block_mean(volume.hu, factors)
    affine = block_affine(volume.affine, factors)
    labels = _find(hu, spacing_of(affine))
    result = np.zeros(volume.shape, dtype=np.uint8)
    z, y, x = positions_in(affine, volume.affine, volume.shape)
    for label in (RIGHT_LUNG, LEFT_LUNG):
        if not (labels == label).any():
            continue
        for start in range(0, len(z), _SLAB):
            slab = slice(start, start + _SLAB)
            nearest = np.clip(np.rint(z[slab]).astype(int), 0, len(labels) - 1)
            first, last = max(0, int(nearest[0]) - 1), int(nearest[-1]) + 2
            part = (labels[first:last] == label).astype(np.float32)
            if part.any():
                result[slab][sample_linear(part, (z[slab] - first, y, x)) > 0.5] = label
    return result


def _no_lungs(reason: str) -> RefusedInput:
    return RefusedInput("no_lungs", f"No lungs found: {reason}. Choose a CT of the chest.")


def _find(hu: FloatArray, spacing_mm: Spacing) -> LabelArray:
    body = body_mask(hu, spacing_mm)
    if not body.any():
        raise _no_lungs("no body is visible in this series")
    box = bounding_box(body, margin=1)
    labels = np.zeros(hu.shape, dtype=np.uint8)
    labels[box] = _inside_body(hu[box], body[box], spacing_mm)
    return labels


def _inside_body(hu: FloatArray, body: BoolArray, spacing_mm: Spacing) -> LabelArray:
    air = body & (hu < AIR_HU)
    tubes = airways(hu, body, air, spacing_mm)
    labels = split_sides(hu, air & ~tubes, _middle_x(body), spacing_mm)
    _check(hu, labels, spacing_mm)
    return _completed(hu, labels, body, tubes, spacing_mm)


def _middle_x(body: BoolArray) -> float:
    columns = body.sum(axis=(0, 1), dtype=np.float64)
    return float((columns * np.arange(len(columns))).sum() / columns.sum())


def _check(hu: FloatArray, labels: LabelArray, spacing_mm: Spacing) -> None:
    """Refuse what is too small, too large, empty or solid to be the lungs of a person."""
    lungs = labels > 0
    volume_ml = float(lungs.sum()) * float(np.prod(spacing_mm)) / 1000.0
    if volume_ml < _SMALLEST_ML:
        raise _no_lungs("there is not enough air inside the body")
    if volume_ml > _LARGEST_ML:
        raise _no_lungs(f"the air inside the body is {volume_ml / 1000:.1f} litres, more than any lungs")
    low, high = _PLAUSIBLE_HU
    if not low < float(np.median(hu[lungs])) < high:
        raise _no_lungs("the air inside the body does not have the density of lung")


def _completed(
    hu: FloatArray, labels: LabelArray, body: BoolArray, tubes: BoolArray, spacing_mm: Spacing
) -> LabelArray:
    """Fill holes, close the surface and add consolidation at the chest wall, one lung after the other."""
    box = bounding_box(labels > 0)
    centre = ((box[1].start + box[1].stop - 1) / 2, _between(labels, _middle_x(body)))
    result = labels.copy()
    for label in (RIGHT_LUNG, LEFT_LUNG):
        lung = labels == label
        if not lung.any():
            continue
        lung = close_surface(lung, spacing_mm) & ~tubes
        free = body & ~tubes & (result == 0)
        lung |= costal_filling(lung, hu, free, centre, spacing_mm)
        lung = fill_holes(lung)
        result[lung & (result == 0) & body & ~tubes] = label
    return result


def _between(labels: LabelArray, fallback: float) -> float:
    right = np.flatnonzero((labels == RIGHT_LUNG).any(axis=(0, 1)))
    left = np.flatnonzero((labels == LEFT_LUNG).any(axis=(0, 1)))
    if not len(right) or not len(left):
        return fallback
    return float(right[0] + left[-1]) / 2
