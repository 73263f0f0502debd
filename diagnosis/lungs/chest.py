"""The grid on which a lung mask gets its sides: body, airways, holes; shared by every way to find lungs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
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
_SPACE_HU, _NECK_MM = -700.0, 3.0
"""Air spaces are darker than this; necks of less than twice this width are cut between them."""
_LUNG_SHARE, _HOLLOW_SHARE = 0.8, 0.5
"""Of an air space inside the mask: from the first on all of it is lung, below the second none."""
_SPOT_SHARE = 0.1
"""Of what an air space has in one slice: with less in the mask nothing is added there."""
_IN_PLANE = np.stack([np.zeros((3, 3)), np.ones((3, 3)), np.zeros((3, 3))])
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

    Takes hollow organs out and missed air of the lungs in, keeps the three largest pieces inside the body,
    parts touching lungs, takes trachea and main bronchi out and fills holes. Raises RefusedInput (code
    ``no_lungs``) when what is left is no lungs.
    """
    positions = positions_in(affine, chest.affine, chest.hu.shape)
    found = (sample_linear(mask.astype(np.float32), positions) > 0.5) & chest.body
    found = _without_bowel(found, chest.hu, chest.spacing_mm)
    tubes = airways(chest.hu, chest.body, chest.body & (chest.hu < AIR_HU), chest.spacing_mm)
    spaces = _air_spaces(found, chest, tubes)
    found = _largest_pieces((found | spaces.lung) & ~spaces.hollow)
    sides = split_sides(chest.hu, found & ~tubes, middle_x(chest.body), chest.spacing_mm)
    check_lungs(chest.hu, sides, chest.spacing_mm, densest_hu)
    filled = np.zeros_like(sides)
    for side in (RIGHT_LUNG, LEFT_LUNG):
        if (sides == side).any():
            filled[fill_holes(sides == side) & (filled == 0) & chest.body & ~tubes] = side
    here = (affine, mask.shape)
    near = nearest_on(_widened(filled), chest.affine, *here)
    inside = mask | (nearest_on(filled, chest.affine, *here) > 0)
    inside &= nearest_on(tubes | spaces.hollow, chest.affine, *here) == 0
    return np.asarray(near * inside)


@dataclass(frozen=True, slots=True)
class _AirSpaces:
    """``lung``: air of spaces that are lung; ``hollow``: stomach, bowel and other air, with its wall."""

    lung: BoolArray
    hollow: BoolArray


def _air_spaces(mask: BoolArray, chest: Chest, tubes: BoolArray) -> _AirSpaces:
    """Decide for each connected space of air as a whole whether it is lung: by how much of it the mask holds.

    A mask often misses the darkest part of an emphysematous lung, and takes a part of the gas in a stomach
    under the dome. Thick slices may join both, so that what is added must belong to the mask in its slice
    too. Without a trachea to keep apart nothing is added: it may be joined to the lungs.
    """
    air = chest.body & (chest.hu < _SPACE_HU) & ~tubes
    neck = max(_NECK_MM, *chest.spacing_mm[1:])
    element = ball(chest.spacing_mm, neck)
    labels, _ = ndimage.label(eroded(air, element))
    share = _shares(labels, mask)
    lung, hollow = share >= _LUNG_SHARE, share < _HOLLOW_SHARE
    lung[0] = hollow[0] = False
    lung &= tubes.any()
    added = dilated(lung[labels], element) & air
    spots, _ = ndimage.label(added, _IN_PLANE)
    added &= (_shares(spots, mask) >= _SPOT_SHARE)[spots]
    walled = dilated(hollow[labels], ball(chest.spacing_mm, neck + _WALL_MM))
    return _AirSpaces(added, walled & ~added)


def _shares(labels: NDArray[np.int32], mask: BoolArray) -> NDArray[np.float64]:
    """How much of each labelled part lies in the mask, by number."""
    sizes = np.bincount(labels.ravel())
    return np.asarray(np.bincount(labels[mask], minlength=len(sizes)) / np.maximum(sizes, 1))


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
