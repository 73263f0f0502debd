"""The grid slice networks work on: pixels of about 1.4 mm by block means, slices as they are or pooled."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from diagnosis.preprocessing.resampling import block_affine, block_mean, sample_linear
from diagnosis.volume import Affine, CTVolume, FloatArray

PIXEL_MM = 1.4
"""Middle of the 1.1-1.7 mm the networks are trained on: a 350 mm field of view in 256 pixels."""
COARSEST_MM = 2.0
"""Coarser pixels than this are sampled linearly down to `PIXEL_MM`: the networks have not seen them."""
_ALMOST = 0.25
"""Slices may stay this part of a slice thinner than asked for, rather than be pooled to twice as much."""

Box = tuple[slice, slice, slice]


def network_grid(
    volume: CTVolume, box: Box | None = None, *, thinnest_mm: float | None = None
) -> tuple[FloatArray, Affine]:
    """Return float32 HU ``[z, y, x]`` of a box of the volume on the networks' grid, and its affine.

    Pixels are pooled by their mean, never strided: noise then falls as on a scanner's own large pixels.
    With ``thinnest_mm`` neighbouring slices thinner than that are pooled too.
    """
    box = box or (slice(None), slice(None), slice(None))
    affine = cropped_affine(volume.affine, box)
    z_mm, y_mm, x_mm = volume.spacing_mm
    fz = 1 if thinnest_mm is None else pooled_slices(z_mm, thinnest_mm)
    factors = (fz, pooled_pixels(y_mm), pooled_pixels(x_mm))
    hu = block_mean(volume.hu[box], factors)
    affine = block_affine(affine, factors)
    if max(y_mm, x_mm) > COARSEST_MM:
        return _refined(hu, affine, y_mm * factors[1], x_mm * factors[2])
    return hu, affine


def cropped_affine(affine: Affine, box: Box) -> Affine:
    """Return the affine of ``array[box]``."""
    start = [part.start or 0 for part in box]
    moved = affine.copy()
    moved[:3, 3] = (affine @ np.array([start[2], start[1], start[0], 1.0]))[:3]
    return moved


def pooled_slices(step_mm: float, thinnest_mm: float) -> int:
    """Return how many slices are pooled so that none is much thinner than ``thinnest_mm``."""
    return max(1, math.ceil(thinnest_mm / step_mm - _ALMOST))


def pooled_pixels(step_mm: float) -> int:
    """Return how many pixels along an axis are pooled: their size comes, as a ratio, nearest to PIXEL_MM."""
    fewer = max(1, math.floor(PIXEL_MM / step_mm))
    return min((fewer, fewer + 1), key=lambda count: abs(math.log(count * step_mm / PIXEL_MM)))


def _refined(hu: FloatArray, affine: Affine, y_mm: float, x_mm: float) -> tuple[FloatArray, Affine]:
    depth, height, width = hu.shape
    step_y, step_x = (min(1.0, PIXEL_MM / step) for step in (y_mm, x_mm))
    y = _centres(height, step_y)
    x = _centres(width, step_x)
    finer = affine.copy()
    finer[:3, 0] *= step_x
    finer[:3, 1] *= step_y
    finer[:3, 3] = (affine @ np.array([x[0], y[0], 0.0, 1.0]))[:3]
    return sample_linear(hu, (np.arange(depth, dtype=np.float64), y, x)), finer


def _centres(size: int, step: float) -> NDArray[np.float64]:
    """Centres of cells of ``step`` voxels that together cover ``size`` voxels."""
    count = math.ceil(size / step - 1e-9)
    return np.asarray((np.arange(count) + 0.5) * step - 0.5 + (size - count * step) / 2)
