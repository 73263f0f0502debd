"""The grid on which a lung mask gets its sides: body, airways, holes; shared by every way to find lungs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from diagnosis.lungs.airways import airways
from diagnosis.lungs.body import AIR_HU, body_mask
from diagnosis.lungs.closed import WORKING_MM, middle_x
from diagnosis.lungs.closing import fill_holes
from diagnosis.lungs.morphology import Spacing, ball, bounding_box, dilated, eroded
from diagnosis.lungs.plausible import AERATED_HU, check_lungs, no_lungs
from diagnosis.lungs.series_grid import nearest_on
from diagnosis.lungs.sides import split_sides
from diagnosis.preprocessing.network_grid import Box, cropped_affine
from diagnosis.preprocessing.resampling import (
    block_affine,
    block_mean,
    factors_for,
    positions_in,
    sample_linear,
)
from diagnosis.results import LEFT_LUNG, RIGHT_LUNG
from diagnosis.volume import Affine, BoolArray, CTVolume, FloatArray, LabelArray, spacing_of

_MOST_PIECES = 3
"""Right lung, left lung, and one that a fissure, a band or a cut field of view separates."""
_BRIDGES_MM = (2.0, 4.0, 6.0)
"""Half the thickness of the bridges between bowel and lung that are cut."""
_WALL_MM = 3.0
"""Of bowel: taken out with its gas."""
_GAS_HU, _GAS_SHARE = -940.0, 0.1
_BOWEL_PART = 0.1
"""Of the largest piece: more than that is no bowel."""
_RIM = 2
"""Voxels by which sides reach beyond the mask of the working grid, to cover the finer mask's rim."""


@dataclass(frozen=True, slots=True)
class Chest:
    """HU and body ``[z, y, x]`` around the body, in voxels of at most 2 mm, with their affine and the part of
    the series they cover."""

    hu: FloatArray
    body: BoolArray
    affine: Affine
    box: Box

    @property
    def spacing_mm(self) -> Spacing:
        """Voxel spacing along z, y, x in mm."""
        return spacing_of(self.affine)


def chest_of(volume: CTVolume) -> Chest:
    """Return the body of a series. Raises RefusedInput (code ``no_lungs``) when there is none."""
    factors = factors_for(volume.spacing_mm, WORKING_MM)
    hu = block_mean(volume.hu, factors)
    affine = block_affine(volume.affine, factors)
    body = body_mask(hu, spacing_of(affine))
    if not body.any():
        raise no_lungs("no body is visible in this series")
    box = bounding_box(body, margin=1)
    z, y, x = (
        slice(part.start * factor, min(part.stop * factor, size))
        for part, factor, size in zip(box, factors, volume.shape, strict=True)
    )
    return Chest(hu[box], body[box], cropped_affine(affine, box), (z, y, x))


def with_sides(mask: BoolArray, affine: Affine, chest: Chest, densest_hu: float = AERATED_HU) -> LabelArray:
    """Return lung labels (1 right, 2 left) of a lung mask ``[z, y, x]``, on the mask's own grid.

    Takes the three largest pieces inside the body, parts touching lungs, takes trachea and main bronchi out
    and fills holes. Raises RefusedInput (code ``no_lungs``) when what is left is no lungs.
    """
    positions = positions_in(affine, chest.affine, chest.hu.shape)
    found = (sample_linear(mask.astype(np.float32), positions) > 0.5) & chest.body
    found = _largest_pieces(_without_bowel(found, chest.hu, chest.spacing_mm))
    tubes = airways(chest.hu, chest.body, chest.body & (chest.hu < AIR_HU), chest.spacing_mm)
    sides = split_sides(chest.hu, found & ~tubes, middle_x(chest.body), chest.spacing_mm)
    check_lungs(chest.hu, sides, chest.spacing_mm, densest_hu)
    filled = np.zeros_like(sides)
    for side in (RIGHT_LUNG, LEFT_LUNG):
        if (sides == side).any():
            filled[fill_holes(sides == side) & (filled == 0) & chest.body & ~tubes] = side
    here = (affine, mask.shape)
    near = nearest_on(_widened(filled), chest.affine, *here)
    inside = mask | (nearest_on(filled, chest.affine, *here) > 0)
    inside &= nearest_on(tubes, chest.affine, *here) == 0
    return np.asarray(near * inside)


def _without_bowel(mask: BoolArray, hu: FloatArray, spacing_mm: Spacing) -> BoolArray:
    """Take small pieces that hold gas out: bowel or stomach under a dome, joined to the lung by a bridge.

    A piece of lung holds lung; plain gas beside tissue is a hollow organ.
    """
    for radius in _BRIDGES_MM:
        reach = max(radius, *spacing_mm[1:])
        labels, count = ndimage.label(eroded(mask, ball(spacing_mm, reach)))
        sizes = np.bincount(labels.ravel(), minlength=count + 1)
        gas = np.bincount(labels[hu < _GAS_HU], minlength=count + 1) / np.maximum(sizes, 1)
        sizes[0] = 0
        bowel = (gas > _GAS_SHARE) & (sizes < _BOWEL_PART * sizes.max())
        bowel[0] = False
        if bowel.any():
            mask = mask & ~dilated(bowel[labels], ball(spacing_mm, reach + _WALL_MM))
    return mask


def _largest_pieces(mask: BoolArray) -> BoolArray:
    labels, count = ndimage.label(mask)
    if count <= _MOST_PIECES:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    keep = np.zeros(count + 1, dtype=bool)
    keep[np.argsort(sizes)[-_MOST_PIECES:]] = True
    return np.asarray(keep[labels])


def _widened(labels: LabelArray) -> LabelArray:
    result = labels.copy()
    for _ in range(_RIM):
        result = np.where(result > 0, result, ndimage.maximum_filter(result, 3))
    return result
