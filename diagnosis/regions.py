"""Heatmap or lesion segmentation -> regions: connected components, measured on the series grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from diagnosis.components import Box, SeriesGrid, as_region, components, lobe_of, ordered
from diagnosis.components import side_of as side_of
from diagnosis.preprocessing.resampling import Positions, positions_in, sample_linear
from diagnosis.results import INFECTED_VALUES, LESIONS, Heatmap, Region
from diagnosis.volume import Affine, BoolArray, FloatArray, LabelArray

LESION_REGION_ML = 0.5
"""A ball of 1 cm. Smaller lesions count in every volume, but nobody can judge them one by one."""
_FULL = np.float32(255)


def on_series_grid(heatmap: Heatmap, affine: Affine, shape: tuple[int, int, int]) -> FloatArray:
    """Return the raw heatmap values on the series grid (trilinear, half-pixel centres)."""
    return sample_linear(heatmap.values, positions_in(heatmap.affine, affine, shape))


def regions_of(
    heatmap: Heatmap,
    lungs: LabelArray,
    affine: Affine,
    smallest_ml: float,
    *,
    seed: float | None = None,
    lobes: LabelArray | None = None,
    within: BoolArray | None = None,
) -> list[Region]:
    """Return the connected components (6 neighbours) of the heatmap at or above its threshold.

    With ``within`` (bool ``[z, y, x]`` on the series grid) only voxels inside it count: a coarse map shines
    beyond the lungs.

    Hysteresis: only components that reach ``seed`` somewhere count. ``seed`` is on the scale of the
    threshold and not below it; without one every component counts. So no region ever holds a voxel below
    the published threshold, and a broad weak area is no region of its own.

    The heatmap is brought to the series grid of ``lungs`` (uint8 ``[z, y, x]``, 1 right, 2 left) and
    ``lobes`` first. Components below ``smallest_ml`` are dropped; the rest is named R1, R2 ... by size,
    then from the top. Raises ValueError.
    """
    if seed is not None and seed < heatmap.threshold:
        raise ValueError(f"the seed {seed} lies below the threshold {heatmap.threshold}")
    limit = heatmap.threshold * heatmap.reference
    box, positions = _box_above(heatmap, limit, affine, lungs.shape)
    if box is None:
        return []
    values = sample_linear(heatmap.values, positions)
    above = values >= limit
    if within is not None:
        above &= within[box]
    least = limit if seed is None else seed * heatmap.reference
    grid = SeriesGrid(lungs, lobes, affine)
    parts = [
        replace(part, evidence=part.evidence / heatmap.reference)
        for part in components(above, box, grid, smallest_ml, evidence=values)
        if part.highest >= least
    ]
    return [as_region(place, part, grid, heatmap.class_name) for place, part in enumerate(ordered(parts), 1)]


def regions_if_positive(
    heatmap: Heatmap,
    lungs: LabelArray,
    affine: Affine,
    smallest_ml: float,
    *,
    probability: float,
    operating_point: float,
    seed: float | None = None,
    lobes: LabelArray | None = None,
    within: BoolArray | None = None,
) -> tuple[list[Region], str | None]:
    """Return the regions of a class that passes its operating point; otherwise none, and a sentence.

    A map of a class that was not predicted still has a brightest place, which is evidence of nothing.
    """
    if probability >= operating_point:
        found = regions_of(heatmap, lungs, affine, smallest_ml, seed=seed, lobes=lobes, within=within)
        return found, None
    return [], predicted_negative(heatmap.class_name)


def predicted_negative(class_name: str) -> str:
    """Return the sentence that stands for the regions of a class that was not predicted."""
    return f"{class_name}: no region: predicted negative."


def regions_of_lesions(
    lesions: LabelArray,
    lungs: LabelArray,
    affine: Affine,
    *,
    smallest_ml: float = LESION_REGION_ML,
    lobes: LabelArray | None = None,
    infection: LabelArray | None = None,
) -> list[Region]:
    """Return the connected components of all infected voxels (values 1 to 4 together) inside the lungs.

    All volumes are ``[z, y, x]`` on the series grid. ``class_name`` is the type of most voxels (the lower
    value for a tie), ``evidence`` the mean of ``infection`` (probability, 0..255 for 0..1), 1.0 without it.
    Names as in regions_of. With ``smallest_ml`` 0 the regions add up to the infected volume.
    """
    box = _bounding_box(lesions)
    if box is None:
        return []
    found = lesions[box]
    mask = (found >= min(INFECTED_VALUES)) & (found <= max(INFECTED_VALUES)) & (lungs[box] > 0)
    grid = SeriesGrid(lungs, lobes, affine)
    likely = None if infection is None else infection[box].astype(np.float32) / _FULL
    parts = components(mask, box, grid, smallest_ml, evidence=likely)
    return [
        as_region(place, part, grid, _type_of(lesions[part.box][part.mask]))
        for place, part in enumerate(ordered(parts), 1)
    ]


def with_lobes(regions: Sequence[Region], lobes: LabelArray) -> list[Region]:
    """Return the regions with the lobe each lies in, where none is known yet."""
    return [
        region if region.lobe else replace(region, lobe=lobe_of(lobes[_box_of(region)][region.mask]))
        for region in regions
    ]


def union_of(regions: Sequence[Region], shape: tuple[int, int, int]) -> BoolArray:
    """Return all region masks as one bool array on the series grid."""
    union = np.zeros(shape, dtype=bool)
    for region in regions:
        union[_box_of(region)] |= region.mask
    return union


def _type_of(values: LabelArray) -> str:
    """The lesion type of most voxels."""
    return LESIONS[int(np.bincount(values, minlength=max(INFECTED_VALUES) + 1).argmax())]


def _box_of(region: Region) -> Box:
    z, y, x = (slice(at, at + size) for at, size in zip(region.origin, region.mask.shape, strict=True))
    return z, y, x


def _bounding_box(labels: LabelArray) -> Box | None:
    """The box of all voxels that are not 0; None when there are none."""
    shown = np.flatnonzero(labels.any(axis=(1, 2)))
    if not len(shown):
        return None
    depth = slice(int(shown[0]), int(shown[-1]) + 1)
    flat = np.asarray(np.any(labels[depth], axis=0))
    y, x = np.flatnonzero(np.any(flat, axis=1)), np.flatnonzero(np.any(flat, axis=0))
    return depth, slice(int(y[0]), int(y[-1]) + 1), slice(int(x[0]), int(x[-1]) + 1)


def _box_above(
    heatmap: Heatmap, limit: float, affine: Affine, shape: tuple[int, int, int]
) -> tuple[Box | None, Positions]:
    """The part of the series grid that can reach the limit: within one heatmap voxel of one above it."""
    above = heatmap.values >= limit
    positions = positions_in(heatmap.affine, affine, shape)
    if not above.any():
        return None, positions
    box = []
    for axis, place in enumerate(positions):
        others = tuple(other for other in range(3) if other != axis)
        hit = np.flatnonzero(above.any(axis=others))
        inside = np.flatnonzero((place > hit[0] - 1) & (place < hit[-1] + 1))
        if not len(inside):
            return None, positions
        box.append(slice(int(inside[0]), int(inside[-1]) + 1))
    z, y, x = box
    return (z, y, x), (positions[0][z], positions[1][y], positions[2][x])
