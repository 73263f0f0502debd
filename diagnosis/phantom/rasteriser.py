"""Trees onto a voxel grid: how much of each voxel lies inside the rods, also of rods thinner than a voxel.

A rod is cut into short stretches; each stretch looks at the voxels near it and takes their distance to the
whole rod, so that the answer does not depend on where the cuts fall. Rods and stretches that overlap are
joined by the maximum, which knows no order: equal results on every device and for every order of the
segments. Slices thicker than the pixels are evaluated in thinner layers and averaged, so that a vessel that
runs within a thick slice fades and one that crosses it keeps its full value.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from diagnosis.phantom.grid import Grid
from diagnosis.phantom.tree import Tree

_THINNEST_LAYER_MM = 1.0
"""Slices are not cut finer than this: trees have no detail below it along z."""
_LAYER_PER_PIXEL = 1.3
"""A layer may be this much thicker than a pixel before the voxel no longer counts as round."""
_SHORTEST_STRETCH_MM = 2.0
_CLASS_RATIO = 1.25
"""Stretches whose reach differs by less than this share one set of voxel offsets."""
_CHUNK = 1 << 20
"""Voxels looked at together: temporary arrays of 4 MiB stay in the processor's cache."""

Doubles = NDArray[np.float64]


def capsules(tree: Tree, grid: Grid, radius_scale: float = 1.0, radius_offset_mm: float = 0.0) -> Tensor:
    """Return the share of each voxel inside the tree, float32 ``[z, y, x]``, 0..1.

    Radii are multiplied by ``radius_scale``, then grow by ``radius_offset_mm``; what vanishes is left out.
    """
    result = torch.zeros(grid.shape, dtype=torch.float32, device=grid.device)
    layers = _layers(grid)
    stretches = _cut(tree, layers, radius_scale, radius_offset_mm)
    if stretches is None:
        return result
    groups = list(_groups(stretches, layers))
    low, high = _box(stretches, groups, layers.per_slice)
    buffer = torch.zeros(tuple(high - low), dtype=torch.float32, device=grid.device)
    for members, offsets in groups:
        _stamp(buffer, low, stretches.take(members), offsets, layers)
    _paste(result, buffer, low, layers.per_slice)
    return result


@dataclass(frozen=True, slots=True)
class _Layers:
    """The grid with every slice cut into ``per_slice`` layers; z, y, x."""

    per_slice: int
    shape: tuple[int, int, int]
    spacing: Doubles
    first: Doubles


@dataclass(frozen=True, slots=True)
class _Stretches:
    """Short pieces of rods: ``n`` middles and, of their rods, direction and radius. In mm, z, y, x."""

    voxel: NDArray[np.int64]
    """Nearest layer voxel [n, 3]."""
    to_voxel: Doubles
    """From the middle to that voxel's centre [n, 3]."""
    direction: Doubles
    before: Doubles
    """Length of the rod before the middle [n]."""
    after: Doubles
    radius: Doubles
    """At the middle [n]."""
    slope: Doubles
    """Change of the radius per mm along the rod [n]."""
    blur: Doubles
    """Radius of the disc that stands for the voxel seen along the rod [n]."""
    reach: Doubles
    """From the middle, everything the piece has to look at lies within [n]."""

    def take(self, members: NDArray[np.intp]) -> _Stretches:
        return _Stretches(*(getattr(self, name)[members] for name in self.__slots__))


def _layers(grid: Grid) -> _Layers:
    dz, dy, dx = grid.spacing_mm
    thickest = max(_THINNEST_LAYER_MM, _LAYER_PER_PIXEL * math.sqrt(dy * dx))
    count = max(1, math.ceil(dz / thickest - 1e-6))
    thin = dz / count
    first = np.array(grid.first_mm, np.float64)
    first[0] -= (dz - thin) / 2
    depth, height, width = grid.shape
    return _Layers(count, (depth * count, height, width), np.array([thin, dy, dx]), first)


def _cut(tree: Tree, layers: _Layers, scale: float, offset_mm: float) -> _Stretches | None:
    """Cut all rods into stretches about as long as they are thick; None when none touches the grid."""
    start, end = (np.asarray(points, np.float64)[:, ::-1] for points in (tree.start, tree.end))
    radius = np.stack([tree.radius_start, tree.radius_end]).astype(np.float64) * scale + offset_mm
    keep = radius.max(axis=0) > 0
    start, end, radius = start[keep], end[keep], np.maximum(radius[:, keep], 0.0)
    if not len(start):
        return None
    length = np.linalg.norm(end - start, axis=1)
    direction = (end - start) / np.maximum(length, 1e-9)[:, None]
    pieces = np.ceil(length / np.maximum(_SHORTEST_STRETCH_MM, 2 * radius.max(axis=0))).astype(int)
    pieces = np.maximum(pieces, 1)
    rod = np.repeat(np.arange(len(start)), pieces)
    number = np.arange(len(rod)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    before = (number + 0.5) / pieces[rod] * length[rod]
    blur = _blur(direction, layers.spacing)
    slope = (radius[1] - radius[0]) / np.maximum(length, 1e-9)
    middle = start[rod] + before[:, None] * direction[rod]
    voxel = np.rint((middle - layers.first) / layers.spacing).astype(np.int64)
    stretches = _Stretches(
        voxel=voxel,
        to_voxel=voxel * layers.spacing + layers.first - middle,
        direction=direction[rod],
        before=before,
        after=length[rod] - before,
        radius=radius[0][rod] + before * slope[rod],
        slope=slope[rod],
        blur=blur[rod],
        reach=(radius.max(axis=0) + blur)[rod] + length[rod] / pieces[rod] / 2,
    )
    far = np.ceil(stretches.reach[:, None] / layers.spacing) + 1
    near = np.all((voxel > -far) & (voxel < np.array(layers.shape) + far), axis=1)
    return stretches.take(np.flatnonzero(near)) if near.any() else None


def _blur(direction: Doubles, spacing: Doubles) -> Doubles:
    """Radius of the disc with the spread of a voxel that is looked at along the rod.

    Projected along a unit vector u, a box of widths a has the mean variance (sum a^2 - sum u^2 a^2) / 24 per
    axis of the plane, a disc of radius R has R^2 / 4.
    """
    squares = spacing**2
    return np.asarray(np.sqrt((squares.sum() - direction**2 @ squares) / 6))


def _groups(stretches: _Stretches, layers: _Layers) -> Iterator[tuple[NDArray[np.intp], NDArray[np.int64]]]:
    """Yield the members of each class of reach with the voxel offsets [m, 3] they look at."""
    smallest = float(stretches.reach.min())
    classes = np.ceil(np.log(stretches.reach / smallest) / math.log(_CLASS_RATIO) - 1e-9).astype(int)
    diagonal = float(np.linalg.norm(layers.spacing)) / 2
    for number in np.unique(classes):
        members = np.flatnonzero(classes == number)
        reach = float(stretches.reach[members].max()) + diagonal
        half = np.floor(reach / layers.spacing).astype(int)
        axes = [np.arange(-size, size + 1) for size in half]
        offsets = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
        near = ((offsets * layers.spacing) ** 2).sum(axis=1) <= reach**2
        yield members, offsets[near]


def _box(
    stretches: _Stretches, groups: list[tuple[NDArray[np.intp], NDArray[np.int64]]], per_slice: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last (exclusive) layer voxel that any stamp can touch, whole slices along z."""
    low = np.min([stretches.voxel[members].min(axis=0) + o.min(axis=0) for members, o in groups], axis=0)
    high = np.max([stretches.voxel[members].max(axis=0) + o.max(axis=0) for members, o in groups], axis=0) + 1
    low[0] = low[0] // per_slice * per_slice
    high[0] = -(-high[0] // per_slice) * per_slice
    return low, high


def _stamp(
    buffer: Tensor, low: NDArray[np.int64], part: _Stretches, offsets: NDArray[np.int64], layers: _Layers
) -> None:
    """Raise the buffer to the coverage by one class of stretches."""
    device = buffer.device

    def column(values: Doubles) -> Tensor:
        return torch.from_numpy(values.astype(np.float32)).to(device)[:, None]

    strides = np.array(buffer.stride())
    steps = torch.from_numpy((offsets * layers.spacing).astype(np.float32)).to(device)
    squares = (steps**2).sum(dim=1)
    shift = torch.from_numpy(offsets @ strides).to(device)
    base = torch.from_numpy((part.voxel - low) @ strides).to(device)
    direction, nearest = (
        torch.from_numpy(values.astype(np.float32)).to(device) for values in (part.direction, part.to_voxel)
    )
    before, after = column(-part.before), column(part.after)
    radius, slope, blur = column(part.radius), column(part.slope), column(part.blur)
    along_nearest = (direction * nearest).sum(dim=1, keepdim=True)
    nearest_square = (nearest**2).sum(dim=1, keepdim=True)
    flat = buffer.view(-1)
    count = max(1, _CHUNK // len(offsets))
    for begin in range(0, len(base), count):
        rows = slice(begin, begin + count)
        along = torch.addmm(along_nearest[rows], direction[rows], steps.T)
        square = torch.addmm(nearest_square[rows], nearest[rows], steps.T, alpha=2.0).add_(squares)
        on_rod = torch.minimum(torch.maximum(along, before[rows]), after[rows])
        square += on_rod * (on_rod - 2.0 * along)
        rod = torch.addcmul(radius[rows], on_rod, slope[rows])
        row, offset = (square < (rod + blur[rows]) ** 2).nonzero(as_tuple=True)
        chosen = row * len(offsets) + offset
        distance = square.view(-1)[chosen].clamp_(min=0.0).sqrt_()
        share = _shared_disc(distance, rod.view(-1)[chosen], blur[rows, 0][row])
        flat.scatter_reduce_(0, base[rows][row] + shift[offset], share, "amax")


def _shared_disc(distance: Tensor, radius: Tensor, blur: Tensor) -> Tensor:
    """Share of a disc of radius ``blur`` covered by one of ``radius`` at ``distance`` (area of the lens)."""
    d = distance.clamp_(min=1e-3)
    d2, r2, b2 = d * d, radius * radius, blur * blur
    half_r = ((d2 + r2 - b2) / (2.0 * d * radius.clamp(min=1e-6))).clamp_(-1.0, 1.0).acos_()
    half_b = ((d2 + b2 - r2) / (2.0 * d * blur)).clamp_(-1.0, 1.0).acos_()
    kite = ((blur + radius) ** 2 - d2).clamp_(min=0.0) * (d2 - (radius - blur) ** 2).clamp_(min=0.0)
    lens = r2 * half_r + b2 * half_b - kite.sqrt_() / 2
    return lens.div_(math.pi * b2).clamp_(0.0, 1.0)


def _paste(result: Tensor, buffer: Tensor, low: NDArray[np.int64], per_slice: int) -> None:
    """Average the layers of each slice and put what lies on the grid into the result."""
    if per_slice > 1:
        depth, height, width = buffer.shape
        buffer = buffer.view(depth // per_slice, per_slice, height, width).mean(dim=1)
    start = [int(low[0]) // per_slice, int(low[1]), int(low[2])]
    target, source = [], []
    for begin, have, size in zip(start, buffer.shape, result.shape, strict=True):
        first, last = max(begin, 0), min(begin + have, size)
        if last <= first:
            return
        target.append(slice(first, last))
        source.append(slice(first - begin, last - begin))
    result[tuple(target)] = buffer[tuple(source)]
