"""Coarser and finer grids: block means down, half-pixel linear interpolation up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from diagnosis.volume import Affine, FloatArray, spacing_of

Factors = tuple[int, int, int]
Positions = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]

_SLAB = 16


def factors_for(spacing_mm: tuple[float, float, float], target_mm: float) -> Factors:
    """Return the whole block sizes along z, y, x that come closest to ``target_mm`` without passing it."""
    z, y, x = (max(1, int(target_mm / step + 1e-6)) for step in spacing_mm)
    return z, y, x


def block_mean(values: NDArray[np.generic], factors: Factors) -> FloatArray:
    """Return float32 means of blocks of ``[z, y, x]``; blocks that stick out repeat the last voxel."""
    fz, fy, fx = factors
    depth, height, width = (-(-size // factor) for size, factor in zip(values.shape, factors, strict=True))
    pooled = np.empty((depth, height, width), dtype=np.float32)
    for start in range(0, depth, _SLAB):
        count = min(_SLAB, depth - start)
        slab = values[start * fz : (start + count) * fz].astype(np.float32)
        whole = (count * fz, height * fy, width * fx)
        missing = [(0, want - have) for want, have in zip(whole, slab.shape, strict=True)]
        if any(after for _, after in missing):
            slab = np.pad(slab, missing, mode="edge")
        pooled[start : start + count] = slab.reshape(count, fz, height, fy, width, fx).mean(axis=(1, 3, 5))
    return pooled


def block_affine(affine: Affine, factors: Factors) -> Affine:
    """Return the affine of the grid that `block_mean` makes: block centres, not first voxels."""
    fz, fy, fx = factors
    coarse = affine.copy()
    coarse[:3, :3] = affine[:3, :3] * np.array([fx, fy, fz])
    coarse[:3, 3] = (affine @ np.array([(fx - 1) / 2, (fy - 1) / 2, (fz - 1) / 2, 1.0]))[:3]
    return coarse


def positions_in(source: Affine, target: Affine, shape: tuple[int, ...]) -> Positions:
    """Return where the voxels of a target grid lie in the source grid, as indices along z, y, x.

    Both grids must have parallel axes (a coarser or finer copy of one series); ValueError otherwise.
    """
    relation = np.linalg.inv(source) @ target
    scale = np.diag(relation)[:3]
    if not np.allclose(relation[:3, :3], np.diag(scale), atol=1e-4 * float(min(spacing_of(source)))):
        raise ValueError("the two grids have no parallel axes")
    depth, height, width = shape
    z = np.arange(depth) * scale[2] + relation[2, 3]
    y = np.arange(height) * scale[1] + relation[1, 3]
    x = np.arange(width) * scale[0] + relation[0, 3]
    return z, y, x


def sample_linear(values: FloatArray, positions: Positions) -> FloatArray:
    """Return trilinear samples at the outer product of ``positions``; the edge value holds outside."""
    z, y, x = positions
    in_plane = _along(_along(values, y, 1), x, 2)
    result = np.empty((len(z), len(y), len(x)), dtype=np.float32)
    lower, upper, weight = _neighbours(z, values.shape[0])
    for index in range(len(z)):
        low, high = in_plane[lower[index]], in_plane[upper[index]]
        result[index] = low + (high - low) * weight[index]
    return result


def _along(values: FloatArray, positions: NDArray[np.float64], axis: int) -> FloatArray:
    lower, upper, weight = _neighbours(positions, values.shape[axis])
    shape = [1, 1, 1]
    shape[axis] = len(positions)
    low = np.take(values, lower, axis=axis)
    step = np.take(values, upper, axis=axis)
    step -= low
    step *= weight.reshape(shape)
    low += step
    return low


def _neighbours(
    positions: NDArray[np.float64], size: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], FloatArray]:
    inside = np.clip(positions, 0, size - 1)
    lower = np.floor(inside).astype(np.intp)
    upper = np.minimum(lower + 1, size - 1)
    return lower, upper, (inside - lower).astype(np.float32)
