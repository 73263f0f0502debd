"""Heatmap -> regions: connected components above the threshold, measured on the series grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from diagnosis.preprocessing.resampling import Positions, positions_in, sample_linear
from diagnosis.results import LEFT_LUNG, RIGHT_LUNG, Heatmap, Region, Side
from diagnosis.volume import Affine, BoolArray, FloatArray, LabelArray, millimetres, voxel_ml_of

Box = tuple[slice, slice, slice]


def on_series_grid(heatmap: Heatmap, affine: Affine, shape: tuple[int, int, int]) -> FloatArray:
    """Return the raw heatmap values on the series grid (trilinear, half-pixel centres)."""
    return sample_linear(heatmap.values, positions_in(heatmap.affine, affine, shape))


def regions_of(heatmap: Heatmap, lungs: LabelArray, affine: Affine, smallest_ml: float) -> list[Region]:
    """Return the connected components (6 neighbours) of the heatmap at or above its threshold.

    The heatmap is brought to the series grid of ``lungs`` (uint8 ``[z, y, x]``, 1 right, 2 left) first.
    Components below ``smallest_ml`` are dropped; the rest is named R1, R2 ... by size, then position.
    """
    limit = heatmap.threshold * heatmap.reference
    box, positions = _box_above(heatmap, limit, affine, lungs.shape)
    if box is None:
        return []
    values = sample_linear(heatmap.values, positions)
    grid = _SeriesGrid(lungs, affine)
    return _measured(values >= limit, values / heatmap.reference, box, grid, heatmap.class_name, smallest_ml)


def union_of(regions: list[Region], shape: tuple[int, int, int]) -> BoolArray:
    """Return all region masks as one bool array on the series grid."""
    union = np.zeros(shape, dtype=bool)
    for region in regions:
        box = tuple(slice(at, at + size) for at, size in zip(region.origin, region.mask.shape, strict=True))
        union[box] |= region.mask
    return union


@dataclass(frozen=True, slots=True)
class _SeriesGrid:
    lungs: LabelArray
    affine: Affine


@dataclass(frozen=True, slots=True)
class _Component:
    voxels: int
    box: Box
    mask: BoolArray
    evidence: float


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


def _measured(
    mask: BoolArray,
    evidence: FloatArray,
    offset: Box,
    grid: _SeriesGrid,
    class_name: str,
    smallest_ml: float,
) -> list[Region]:
    labels, _ = ndimage.label(mask)
    sizes = np.bincount(labels.ravel())
    components = []
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        if sizes[number] * voxel_ml_of(grid.affine) >= smallest_ml:
            inside = labels[box] == number
            mean = float(evidence[box][inside].mean())
            components.append(_Component(int(sizes[number]), _moved(box, offset), inside, mean))
    components.sort(key=_by_size_then_from_the_top)
    return [_region(f"R{place}", part, grid, class_name) for place, part in enumerate(components, start=1)]


def _by_size_then_from_the_top(part: _Component) -> tuple[int, int, int, int]:
    z, y, x = part.box
    return -part.voxels, -z.stop, y.start, x.start


def _moved(box: Box, offset: Box) -> Box:
    z, y, x = (slice(a.start + b.start, a.stop + b.start) for a, b in zip(box, offset, strict=True))
    return z, y, x


def _region(name: str, part: _Component, grid: _SeriesGrid, class_name: str) -> Region:
    z, y, x = part.box
    origin = (z.start, y.start, x.start)
    return Region(
        id=name,
        class_name=class_name,
        volume_ml=part.voxels * voxel_ml_of(grid.affine),
        side=side_of(grid.lungs[part.box][part.mask]),
        lobe=None,
        evidence=part.evidence,
        origin=origin,
        mask=part.mask,
        box_mm=_box_mm(part.box, grid.affine),
        centre_mm=_centre_mm(part.mask, origin, grid.affine),
    )


def side_of(labels: NDArray[np.uint8]) -> Side:
    """Return the lung that holds most of the voxels; "both" for a tie, "outside" when none is in a lung."""
    right = int((labels == RIGHT_LUNG).sum())
    left = int((labels == LEFT_LUNG).sum())
    if right == left:
        return "both" if right else "outside"
    return "right" if right > left else "left"


def _box_mm(box: Box, affine: Affine) -> tuple[float, float, float, float, float, float]:
    """Outer faces of the box: half a voxel beyond its first and last voxel centres."""
    corners = [
        millimetres(affine, (z - 0.5, y - 0.5, x - 0.5))
        for z in (box[0].start, box[0].stop)
        for y in (box[1].start, box[1].stop)
        for x in (box[2].start, box[2].stop)
    ]
    low, high = np.min(corners, axis=0), np.max(corners, axis=0)
    return float(low[0]), float(low[1]), float(low[2]), float(high[0]), float(high[1]), float(high[2])


def _centre_mm(mask: BoolArray, origin: tuple[int, int, int], affine: Affine) -> tuple[float, float, float]:
    """Position of the mask voxel nearest to the centroid."""
    voxels = np.argwhere(mask)
    steps = np.linalg.norm(affine[:3, :3], axis=0)[::-1]
    distance = (((voxels - voxels.mean(axis=0)) * steps) ** 2).sum(axis=1)
    z, y, x = voxels[int(distance.argmin())] + np.array(origin)
    return millimetres(affine, (float(z), float(y), float(x)))
