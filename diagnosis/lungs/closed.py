"""The lungs of a chest CT without a network: air inside the body, sides, airways out, disease put back."""

from __future__ import annotations

import numpy as np

from diagnosis.lungs.airways import airways
from diagnosis.lungs.body import AIR_HU, body_mask
from diagnosis.lungs.closing import close_surface, costal_filling, fill_holes
from diagnosis.lungs.morphology import Spacing, bounding_box
from diagnosis.lungs.plausible import check_lungs, no_lungs
from diagnosis.lungs.series_grid import on_series_grid
from diagnosis.lungs.sides import split_sides
from diagnosis.preprocessing.resampling import block_affine, block_mean, factors_for
from diagnosis.results import LEFT_LUNG, RIGHT_LUNG
from diagnosis.volume import BoolArray, CTVolume, FloatArray, LabelArray, spacing_of

WORKING_MM = 2.0
"""Largest voxel of the grid that lungs are worked on without a network."""


def closed_lungs(volume: CTVolume) -> LabelArray:
    """Return the lungs as uint8 ``[z, y, x]``: 1 right, 2 left, lesions and vessels included.

    Trachea, main bronchi and effusion are left out. Works on a grid of at most 2 mm voxels (the series'
    own where that is coarser) and returns to the series grid by linear interpolation. Raises
    RefusedInput (code ``no_lungs``).
    """
    factors = factors_for(volume.spacing_mm, WORKING_MM)
    hu = block_mean(volume.hu, factors)
    affine = block_affine(volume.affine, factors)
    labels = _find(hu, spacing_of(affine))
    return on_series_grid(labels, affine, volume)


def _find(hu: FloatArray, spacing_mm: Spacing) -> LabelArray:
    body = body_mask(hu, spacing_mm)
    if not body.any():
        raise no_lungs("no body is visible in this series")
    box = bounding_box(body, margin=1)
    labels = np.zeros(hu.shape, dtype=np.uint8)
    labels[box] = _inside_body(hu[box], body[box], spacing_mm)
    return labels


def _inside_body(hu: FloatArray, body: BoolArray, spacing_mm: Spacing) -> LabelArray:
    air = body & (hu < AIR_HU)
    tubes = airways(hu, body, air, spacing_mm)
    labels = split_sides(hu, air & ~tubes, middle_x(body), spacing_mm)
    check_lungs(hu, labels, spacing_mm)
    return _completed(hu, labels, body, tubes, spacing_mm)


def middle_x(body: BoolArray) -> float:
    """Return the mean column of the body."""
    columns = body.sum(axis=(0, 1), dtype=np.float64)
    return float((columns * np.arange(len(columns))).sum() / columns.sum())


def _completed(
    hu: FloatArray, labels: LabelArray, body: BoolArray, tubes: BoolArray, spacing_mm: Spacing
) -> LabelArray:
    """Fill holes, close the surface and add consolidation at the chest wall, one lung after the other."""
    box = bounding_box(labels > 0)
    centre = ((box[1].start + box[1].stop - 1) / 2, _between(labels, middle_x(body)))
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
