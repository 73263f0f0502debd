"""From the grid that surfaces are evaluated on to the grid of the voxels."""

from __future__ import annotations

import torch.nn.functional as functional
from torch import Tensor

Factors = tuple[int, int, int]

_SURFACE_MM = 2.8
"""In the plane: signed distances are smooth, the smallest solids measure 5 mm."""
_TISSUE_MM = 1.35
"""In the plane, for tissue that no lung touches: no scanner shows finer edges."""
_SLICE_MM = 2.5


def tissue_factor(pixel_mm: float) -> int:
    """Return how many pixels one sample of tissue stands for, along y and x."""
    return max(1, round(_TISSUE_MM / pixel_mm))


def surface_factors(spacing_mm: tuple[float, float, float]) -> Factors:
    """Return how many voxels one sample of a surface stands for, along z, y, x."""
    in_plane = tissue_factor(spacing_mm[1]) * max(1, round(_SURFACE_MM / _TISSUE_MM))
    return max(1, int(_SLICE_MM / spacing_mm[0])), in_plane, in_plane


def refined(values: Tensor, factors: Factors, shape: tuple[int, int, int]) -> Tensor:
    """Return ``[z, y, x]`` values on the finer grid of ``shape``: linear, half-pixel centres."""
    if factors == (1, 1, 1):
        return values[: shape[0], : shape[1], : shape[2]]
    if factors[0] == 1:
        fine = functional.interpolate(
            values[:, None], scale_factor=factors[1:], mode="bilinear", align_corners=False
        )[:, 0]
    else:
        fine = functional.interpolate(
            values[None, None], scale_factor=factors, mode="trilinear", align_corners=False
        )[0, 0]
    return fine[: shape[0], : shape[1], : shape[2]]
