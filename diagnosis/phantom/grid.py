"""The voxel grid of a phantom in the patient's own millimetres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from diagnosis.phantom.randomness import Axes
from diagnosis.volume import Affine


@dataclass(frozen=True, slots=True)
class Grid:
    """A regular grid, everything in the order z, y, x.

    ``first_mm`` is the centre of voxel (0, 0, 0). Patient mm: x to the left with 0 at the midline, y to
    posterior with 0 half-way through the chest, z to cranial with 0 at the carina.
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    first_mm: tuple[float, float, float]
    device: torch.device

    def axes(self) -> Axes:
        """Return the voxel centres along z, y, x, float32."""
        z, y, x = (
            torch.arange(size, dtype=torch.float64) * step + first
            for size, step, first in zip(self.shape, self.spacing_mm, self.first_mm, strict=True)
        )
        return (
            z.float().to(self.device),
            y.float().to(self.device),
            x.float().to(self.device),
        )

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in millilitres."""
        return float(np.prod(self.spacing_mm)) / 1000.0

    def coarser(self, factors: tuple[int, int, int]) -> Grid:
        """Return the grid whose voxels cover blocks of this one; blocks may stick out at the far end."""
        shape = tuple(-(-size // factor) for size, factor in zip(self.shape, factors, strict=True))
        spacing = tuple(step * factor for step, factor in zip(self.spacing_mm, factors, strict=True))
        first = tuple(
            start + step * (factor - 1) / 2
            for start, step, factor in zip(self.first_mm, self.spacing_mm, factors, strict=True)
        )
        return Grid(
            (shape[0], shape[1], shape[2]), (spacing[0], spacing[1], spacing[2]),
            (first[0], first[1], first[2]), self.device,
        )  # fmt: skip

    def affine(self) -> Affine:
        """Return the affine that maps voxel centres ``[x, y, z, 1]`` to LPS mm: patient mm are LPS."""
        affine = np.diag([*reversed(self.spacing_mm), 1.0])
        affine[:3, 3] = list(reversed(self.first_mm))
        return affine
