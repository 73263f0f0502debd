"""A coarse lattice fixed in the patient, on which disease spreads: the same lesions on every voxel grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from diagnosis.phantom.grid import Grid
from diagnosis.phantom.randomness import Axes
from diagnosis.results import RIGHT_LUNG

if TYPE_CHECKING:
    from diagnosis.phantom.chest import Chest

STEP_MM = 3.0
"""Finer than any boundary that is drawn on the lattice; finer texture is drawn on the voxels."""
_MARGIN_CELLS = 2
Box = tuple[slice, slice, slice]
REACH_MM = (290.0, 150.0, 185.0)
"""Along z, y, x from the origin: no lung reaches further, so fine noise need not be drawn beyond."""


@dataclass(frozen=True, slots=True)
class Lattice:
    """The lungs sampled in cubes of STEP_MM, tensors ``[z, y, x]``.

    ``lobes`` is uint8 (0 outside the lungs), ``sides`` 1 right, 2 left; ``costal_mm``, ``depth_mm`` and
    ``effusion`` as in the chest. ``axes`` are the centres of the cubes, multiples of STEP_MM from the
    patient's origin.
    """

    grid: Grid
    axes: Axes
    lobes: Tensor
    sides: Tensor
    costal_mm: Tensor
    depth_mm: Tensor
    effusion: Tensor

    @property
    def lung_cells(self) -> int:
        """Number of cubes inside the lungs."""
        return int((self.lobes > 0).sum())

    def at(self, values: Tensor, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the nearest cube's value at points ``[n, 3]`` (z, y, x mm); the rim beyond the lattice."""
        index = np.rint((points - np.array(self.grid.first_mm)) / STEP_MM).astype(np.intp)
        z, y, x = np.clip(index, 0, np.array(values.shape) - 1).T
        return np.asarray(values.cpu().numpy()[z, y, x], np.float64)

    def sampled(self, values: Tensor, grid: Grid) -> Tensor:
        """Return what ``values`` ``[z, y, x]`` on a voxel grid are at the cubes: the nearest voxel's."""
        return _nearest(values, grid, self.axes)

    def box_around(self, centre: NDArray[np.float64], reach_mm: float) -> Box:
        """Return the cubes within ``reach_mm`` of a point (z, y, x mm) along each axis; may be empty."""
        low = np.floor((centre - reach_mm - np.array(self.grid.first_mm)) / STEP_MM).astype(int)
        high = np.ceil((centre + reach_mm - np.array(self.grid.first_mm)) / STEP_MM).astype(int) + 1
        low, high = np.maximum(low, 0), np.minimum(high, self.grid.shape)
        z, y, x = (slice(int(a), max(int(a), int(b))) for a, b in zip(low, high, strict=True))
        return z, y, x

    def onto(self, axes: Axes, values: Tensor, box: Box) -> Tensor:
        """Return ``values`` ``[channel, z, y, x]`` of a box of the lattice, trilinear at ``axes``."""
        for axis, (places, part, own) in enumerate(zip(axes, box, self.axes, strict=True), start=1):
            weights = _linear_weights(places, float(own[part.start]), part.stop - part.start)
            values = torch.movedim(torch.tensordot(weights, values, dims=([1], [axis])), 0, axis)
        return values


def lattice_of(chest: Chest, lung_box: Box) -> Lattice:
    """Sample a chest (nearest voxel) on the lattice that covers ``lung_box`` of its grid."""
    first, shape = [], []
    for axis, part in zip(chest.grid.axes(), lung_box, strict=True):
        low = int(np.floor(float(axis[part.start]) / STEP_MM)) - _MARGIN_CELLS
        high = int(np.ceil(float(axis[part.stop - 1]) / STEP_MM)) + _MARGIN_CELLS
        first.append(low * STEP_MM)
        shape.append(high - low + 1)
    grid = Grid(
        (shape[0], shape[1], shape[2]), (STEP_MM,) * 3, (first[0], first[1], first[2]), chest.grid.device
    )  # fmt: skip
    axes = grid.axes()
    outside = [
        (places < float(own[0]) - step) | (places > float(own[-1]) + step)
        for places, own, step in zip(axes, chest.grid.axes(), chest.grid.spacing_mm, strict=True)
    ]
    beyond = outside[0][:, None, None] | outside[1][:, None] | outside[2]
    lobes = _nearest(chest.lobes, chest.grid, axes).masked_fill(beyond, 0)
    return Lattice(
        grid, axes, lobes,
        _nearest(chest.lungs, chest.grid, axes),
        _linear(chest.costal_mm, chest.grid, axes),
        _linear(chest.depth_mm, chest.grid, axes),
        _nearest(chest.effusion, chest.grid, axes) & ~beyond,
    )  # fmt: skip


def box_of(mask: Tensor) -> Box | None:
    """Return the smallest box that holds every true voxel of ``[z, y, x]``, or None when there is none."""
    parts = []
    for axis in range(3):
        other = [place for place in (2, 1, 0) if place != axis]
        line = mask
        for place in other:
            line = line.any(dim=place)
        hit = line.nonzero()
        if not len(hit):
            return None
        parts.append(slice(int(hit[0]), int(hit[-1]) + 1))
    return parts[0], parts[1], parts[2]


def union_of(boxes: Sequence[Box]) -> Box:
    """Return the smallest box that holds all of these."""
    z, y, x = (
        slice(min(part.start for part in parts), max(part.stop for part in parts))
        for parts in zip(*boxes, strict=True)
    )
    return z, y, x


def axes_in(axes: Axes, box: Box) -> Axes:
    """Return the part of the axes that a box covers."""
    return axes[0][box[0]], axes[1][box[1]], axes[2][box[2]]


def side_of_lobe(lobe: int) -> int:
    """Return 1 (right lung) or 2 (left lung)."""
    return RIGHT_LUNG if lobe <= 3 else RIGHT_LUNG + 1


def _nearest(values: Tensor, grid: Grid, axes: Axes) -> Tensor:
    index = [
        ((places - start) / step).round().long().clamp(0, size - 1)
        for places, start, step, size in zip(axes, grid.first_mm, grid.spacing_mm, grid.shape, strict=True)
    ]
    for axis in (2, 1, 0):
        values = values.index_select(axis, index[axis])
    return values


def _linear(values: Tensor, grid: Grid, axes: Axes) -> Tensor:
    for axis in (2, 1, 0):
        at = ((axes[axis] - grid.first_mm[axis]) / grid.spacing_mm[axis]).clamp(0, grid.shape[axis] - 1)
        low = at.floor().long().clamp(max=max(grid.shape[axis] - 2, 0))
        high = (low + 1).clamp(max=grid.shape[axis] - 1)
        shape = [1, 1, 1]
        shape[axis] = -1
        part = (at - low).view(shape)
        values = torch.lerp(values.index_select(axis, low), values.index_select(axis, high), part)
    return values


def _linear_weights(places: Tensor, first: float, count: int) -> Tensor:
    """Linear interpolation from ``count`` points, STEP_MM apart, to ``places``: float32 [places, count]."""
    at = ((places.double() - first) / STEP_MM).clamp(0, count - 1)
    low = at.floor().long().clamp(0, max(count - 2, 0))
    part = (at - low).float()
    weights = torch.zeros(len(places), count, device=places.device)
    weights.scatter_(1, low[:, None], 1 - part[:, None])
    if count > 1:
        weights.scatter_(1, low[:, None] + 1, part[:, None])
    return weights
