"""The grid the density rules work on: the lungs' box in voxels of one size, whatever the scanner's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diagnosis.lungs.morphology import bounding_box
from diagnosis.preprocessing.resampling import (
    block_affine,
    block_mean,
    factors_for,
    positions_in,
    sample_linear,
)
from diagnosis.systems.interface import Case
from diagnosis.volume import Affine, BoolArray, FloatArray, LabelArray, spacing_of

Box = tuple[slice, slice, slice]
STEP_MM = 1.5
_MARGIN_MM = 8.0


@dataclass(frozen=True, slots=True)
class WorkingGrid:
    """HU (float32) and lungs (bool) ``[z, y, x]`` in cubes of STEP_MM, with the affine to LPS mm."""

    hu: FloatArray
    lungs: BoolArray
    affine: Affine


def working_grid(case: Case) -> WorkingGrid:
    """Return the lungs' box in cubes of STEP_MM: block means first, so that no noise folds in.

    One cube size for all series makes the sizes in mm of the rules mean the same for every scanner.
    """
    box = lung_box(case.lungs, case.volume.spacing_mm)
    hu, affine = in_cubes(case.volume.hu[box], moved(case.volume.affine, box))
    share, _ = in_cubes(case.lungs[box] > 0, moved(case.volume.affine, box))
    return WorkingGrid(hu=hu, lungs=np.asarray(share > 0.5), affine=affine)


def lung_box(lungs: LabelArray, spacing_mm: tuple[float, float, float]) -> Box:
    """Return the box of the lungs with a margin of 8 mm."""
    return bounding_box(lungs > 0, margin=round(_MARGIN_MM / min(spacing_mm)))


def in_cubes(values: NDArray[np.generic], affine: Affine) -> tuple[FloatArray, Affine]:
    """Return ``[z, y, x]`` values in cubes of STEP_MM, and the cubes' affine."""
    factors = factors_for(spacing_of(affine), STEP_MM)
    coarse = block_mean(values, factors)
    coarse_affine = block_affine(affine, factors)
    cubes, shape = _cubes(coarse_affine, coarse.shape)
    return sample_linear(coarse, positions_in(coarse_affine, cubes, shape)), cubes


def on_series_grid(mask: BoolArray, affine: Affine, case: Case) -> BoolArray:
    """Return a mask of cubes on the series grid: where at least half of a voxel's surroundings are in it."""
    box = lung_box(case.lungs, case.volume.spacing_mm)
    shape = case.lungs[box].shape
    inside = sample_linear(
        mask.astype(np.float32), positions_in(affine, moved(case.volume.affine, box), shape)
    )
    result = np.zeros(case.volume.shape, dtype=bool)
    result[box] = inside >= 0.5
    return result


def moved(affine: Affine, box: Box) -> Affine:
    """Return the affine of the part of a grid that lies in the box."""
    part = affine.copy()
    part[:3, 3] = (affine @ np.array([box[2].start, box[1].start, box[0].start, 1.0]))[:3]
    return part


def _cubes(affine: Affine, shape: tuple[int, ...]) -> tuple[Affine, tuple[int, int, int]]:
    """The same box in cubes, its outer corner kept."""
    spacing = spacing_of(affine)
    depth, height, width = (max(1, round(n * step / STEP_MM)) for n, step in zip(shape, spacing, strict=True))
    scale = np.array([STEP_MM / step for step in reversed(spacing)])
    cubes = affine.copy()
    cubes[:3, :3] = affine[:3, :3] * scale
    cubes[:3, 3] = affine[:3, 3] + affine[:3, :3] @ ((scale - 1) / 2)
    return cubes, (depth, height, width)
