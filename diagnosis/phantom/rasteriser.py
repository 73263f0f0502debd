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
_GAUSS = ((-math.sqrt(0.6), 5 / 9), (0.0, 8 / 9), (math.sqrt(0.6), 5 / 9))
"""Nodes and weights of Gauss and Legendre's rule with three points."""

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
    frame: Doubles
    """Directions along the rod, across it in the plane of the z axis, and across it level [n, 3, 3]."""
    half_width: Doubles
    """Half the width of a voxel seen along the rod, in the two directions across it [n, 2]."""
    before: Doubles
    """Length of the rod before the middle [n]."""
    after: Doubles
    radius: Doubles
    """At the middle [n]."""
    slope: Doubles
    """Change of the radius per mm along the rod [n]."""
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
    frame = _frame(direction)
    half_width = np.sqrt(frame[:, 1:] ** 2 @ layers.spacing**2) / 2
    slope = (radius[1] - radius[0]) / np.maximum(length, 1e-9)
    middle = start[rod] + before[:, None] * direction[rod]
    voxel = np.rint((middle - layers.first) / layers.spacing).astype(np.int64)
    stretches = _Stretches(
        voxel=voxel,
        to_voxel=voxel * layers.spacing + layers.first - middle,
        frame=frame[rod],
        half_width=half_width[rod],
        before=before,
        after=length[rod] - before,
        radius=radius[0][rod] + before * slope[rod],
        slope=slope[rod],
        reach=(radius.max(axis=0) + np.linalg.norm(half_width, axis=1))[rod] + length[rod] / pieces[rod] / 2,
    )
    far = np.ceil(stretches.reach[:, None] / layers.spacing) + 1
    near = np.all((voxel > -far) & (voxel < np.array(layers.shape) + far), axis=1)
    return stretches.take(np.flatnonzero(near)) if near.any() else None


def _frame(direction: Doubles) -> Doubles:
    """Right-angled frames [n, 3, 3] of unit vectors z, y, x: along the rods, upright across, level across.

    Seen along a rod, a voxel of square pixels fills about a rectangle along the two directions across.
    """
    level = np.stack([np.zeros(len(direction)), direction[:, 2], -direction[:, 1]], axis=1)
    length = np.linalg.norm(level, axis=1, keepdims=True)
    level = np.where(length > 1e-6, level / np.maximum(length, 1e-6), [0.0, 0.0, 1.0])
    return np.stack([direction, np.cross(direction, level), level], axis=1)


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
    shift = torch.from_numpy(offsets @ strides).to(device)
    base = torch.from_numpy((part.voxel - low) @ strides).to(device)
    frame = torch.from_numpy(part.frame.astype(np.float32)).to(device)
    nearest = torch.from_numpy(part.to_voxel.astype(np.float32)).to(device)
    own = (frame @ nearest[:, :, None])[..., 0]
    half_width = torch.from_numpy(part.half_width.astype(np.float32)).to(device)
    before, after = column(-part.before), column(part.after)
    radius, slope, reach = column(part.radius), column(part.slope), half_width.norm(dim=1, keepdim=True)
    flat = buffer.view(-1)
    count = max(1, _CHUNK // len(offsets))
    for begin in range(0, len(base), count):
        rows = slice(begin, begin + count)
        along, upright, level = (
            torch.addmm(own[rows, axis, None], frame[rows, axis], steps.T) for axis in range(3)
        )
        on_rod = torch.minimum(torch.maximum(along, before[rows]), after[rows])
        rod = torch.addcmul(radius[rows], on_rod, slope[rows])
        beyond = along.sub_(on_rod)
        near = upright.square().addcmul_(level, level).addcmul_(beyond, beyond) < (rod + reach[rows]) ** 2
        row, offset = near.nonzero(as_tuple=True)
        chosen = row * len(offsets) + offset
        upright, level, beyond, rod = (field.view(-1)[chosen] for field in (upright, level, beyond, rod))
        # Beyond its end a rod goes on as a ball: a disc that shrinks with the distance from the end.
        disc = (rod.square_() - beyond.square_()).clamp_(min=0.0)
        share = _covered(upright.abs_(), level.abs_(), disc, half_width[rows][row])
        flat.scatter_reduce_(0, base[rows][row] + shift[offset], share, "amax")


def _covered(upright: Tensor, level: Tensor, radius2: Tensor, half_width: Tensor) -> Tensor:
    """Share of a rectangle around (upright, level) that a disc of squared radius around 0 covers.

    The chords of the disc, cut by the rectangle, integrated by Gauss and Legendre's rule.
    """
    half_upright, half_level = half_width.unbind(dim=1)
    radius = radius2.sqrt()
    low = torch.maximum(upright - half_upright, -radius)
    high = torch.minimum(upright + half_upright, radius)
    middle, half = (low + high) / 2, (high - low).clamp_(min=0.0) / 2
    far, near = half_level + level, half_level - level
    total = torch.zeros_like(middle)
    for node, weight in _GAUSS:
        chord = torch.add(middle, half, alpha=node).square_()
        chord = (radius2 - chord).clamp_(min=0.0).sqrt_()
        total.add_((torch.minimum(chord, far) + torch.minimum(chord, near)).clamp_(min=0.0), alpha=weight)
    return total.mul_(half).div_(4.0 * half_upright * half_level).clamp_(max=1.0)


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
