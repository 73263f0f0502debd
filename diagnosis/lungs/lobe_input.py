"""What the lobe network sees: the box around both lungs on a fixed grid, for training and use. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diagnosis.lungs.morphology import bounding_box
from diagnosis.preprocessing.resampling import Factors, Positions, block_mean
from diagnosis.results import LEFT_LUNG, RIGHT_LUNG
from diagnosis.volume import FloatArray, HounsfieldArray, LabelArray

GRID = (80, 96, 112)
"""Cells along z, y, x of the box around both lungs: about 3 x 2 x 2.5 mm in an adult."""
CHANNELS = ("ct", "right lung", "left lung", "z", "y", "x")
"""Input channels in order; the coordinates run from -1 to 1 over the box."""
WINDOW_HU = (-1100.0, 300.0)
Box = tuple[slice, slice, slice]


@dataclass(frozen=True, slots=True)
class LobeCase:
    """One case on `GRID`. ``values`` is float32 ``[6, z, y, x]`` in the order of `CHANNELS`;
    ``box`` is the part of the series it covers."""

    values: FloatArray
    box: Box


def lobe_case(hu: HounsfieldArray | FloatArray, lungs: LabelArray) -> LobeCase:
    """Resample the box around the lungs (1 right, 2 left; not empty) of ``hu`` ``[z, y, x]`` to `GRID`.

    CT: clipped -1100..300, scaled to 0..1, means over cells. Right and left lung: their share of a cell.
    """
    box = bounding_box(lungs > 0)
    low, high = WINDOW_HU
    values = np.empty((len(CHANNELS), *GRID), dtype=np.float32)
    values[0] = (np.clip(_on_grid(hu[box]), low, high) - low) / (high - low)
    for channel, side in ((1, RIGHT_LUNG), (2, LEFT_LUNG)):
        values[channel] = _on_grid(lungs[box] == side)
    values[3:] = coordinates()
    return LobeCase(values, box)


def lobe_truth(lobes: LabelArray, box: Box) -> LabelArray:
    """Return the lobes (1-5, 0 outside) on `GRID`: the value at the centre of every cell."""
    z, y, x = (
        part.start + np.rint(centres(part.stop - part.start, count)).astype(np.intp)
        for part, count in zip(box, GRID, strict=True)
    )
    return np.asarray(lobes[np.ix_(z, y, x)])


def coordinates() -> FloatArray:
    """Return float32 ``[3, z, y, x]``: z, y and x of every cell centre, from -1 to 1 over the box."""
    axes = [((np.arange(count) + 0.5) * 2 / count - 1).astype(np.float32) for count in GRID]
    return np.stack(np.meshgrid(*axes, indexing="ij"))


def grid_positions(box: Box, part: Box) -> Positions:
    """Return where the voxels of ``part`` of the series lie in the cells of the grid over ``box``."""
    z, y, x = (
        np.clip(
            (np.arange(inner.start, inner.stop) - outer.start + 0.5) * count / (outer.stop - outer.start)
            - 0.5,
            0,
            count - 1,
        )
        for outer, inner, count in zip(box, part, GRID, strict=True)
    )
    return z, y, x


def centres(size: int, count: int) -> NDArray[np.float64]:
    """Return the positions, in voxels of an axis of ``size``, of the centres of ``count`` equal cells."""
    inside = (np.arange(count) + 0.5) * (size / count) - 0.5
    return np.clip(inside, 0, size - 1)


def _on_grid(values: NDArray[np.generic]) -> FloatArray:
    """Means of whole blocks first, as they are cheap; then linear weights to the cells of `GRID`."""
    sizes = values.shape
    factors = _whole_blocks(sizes)
    pooled = block_mean(values, factors)
    z, y, x = (
        _cell_weights(size, count, factor) for size, count, factor in zip(sizes, GRID, factors, strict=True)
    )
    in_plane = np.matmul(y, np.matmul(pooled, x.T))
    return np.asarray(np.tensordot(z, in_plane, axes=1), dtype=np.float32)


def _whole_blocks(sizes: tuple[int, ...]) -> Factors:
    z, y, x = (max(1, size // count) for size, count in zip(sizes, GRID, strict=True))
    return z, y, x


def _cell_weights(size: int, count: int, factor: int) -> FloatArray:
    """Return ``[count, blocks]`` weights of blocks of ``factor`` voxels: a triangle of the larger of cell
    and block, each row adding to 1. So coarse series are interpolated and fine ones averaged."""
    blocks = -(-size // factor)
    wanted = np.clip((centres(size, count) - (factor - 1) / 2) / factor, 0, blocks - 1)
    reach = max(1.0, size / count / factor)
    weights = np.clip(1 - np.abs(np.arange(blocks)[None] - wanted[:, None]) / reach, 0, None)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)
