"""Signed distances: negative inside, in mm, built from a few solids that blend smoothly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from diagnosis.phantom.lung_map import Point

FAR = 1e3
"""In mm: farther than any blend reaches."""
_REACH_MM = 50.0
"""More than any two solids are blended over."""
_SLAB = 1 << 17
"""Positions worked on together: temporary arrays of 512 KiB stay in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Space:
    """Where the distances are taken: warped positions ``[z, y, x]`` in patient mm."""

    z: Tensor
    y: Tensor
    x: Tensor


def smooth_union(a: Tensor, b: Tensor, blend_mm: float) -> Tensor:
    """Return the distance to either solid, the edge between them filled over ``blend_mm``."""
    overlap = (blend_mm - (a - b).abs()).clamp_(min=0.0)
    return torch.minimum(a, b).sub_(overlap.square_(), alpha=1.0 / (4.0 * blend_mm))


def smooth_intersection(a: Tensor, b: Tensor, blend_mm: float) -> Tensor:
    """Return the distance to what lies in both solids, with an edge rounded over ``blend_mm``."""
    return smooth_union(-a, -b, blend_mm).neg_()


def ellipsoid(space: Space, centre: Point, radii: Point) -> Tensor:
    """Return the distance to an ellipsoid with half-axes along x, y, z; exact at the surface's poles.

    Length of the scaled position times the scaled gradient: error below a tenth of the distance for
    half-axes that differ by less than two times.
    """
    (cx, cy, cz), (rx, ry, rz) = centre, radii

    def distance(part: Space) -> Tensor:
        x, y, z = ((part.x - cx).div_(rx), (part.y - cy).div_(ry), (part.z - cz).div_(rz))
        slope = (x / rx).square_().add_((y / ry).square_()).add_((z / rz).square_()).sqrt_().clamp_(min=1e-6)
        norm = x.square_().add_(y.square_()).add_(z.square_()).sqrt_().clamp_(min=1e-3)
        return (norm - 1.0).mul_(norm).div_(slope)

    return _by_slabs(space, distance)


def capsule(space: Space, start: Point, end: Point, start_radius: float, end_radius: float) -> Tensor:
    """Return the distance to a rod with round ends whose radius runs evenly from one end to the other."""
    direction = [b - a for a, b in zip(start, end, strict=True)]
    length2 = max(sum(step * step for step in direction), 1e-9)

    def distance(part: Space) -> Tensor:
        axes = (part.x - start[0], part.y - start[1], part.z - start[2])
        x, y, z = (places * step for places, step in zip(axes, direction, strict=True))
        along = x.add_(y).add_(z).div_(length2).clamp_(0.0, 1.0)
        x, y, z = (places.sub_(along * step).square_() for places, step in zip(axes, direction, strict=True))
        return x.add_(y).add_(z).sqrt_().sub_(start_radius).sub_(along, alpha=end_radius - start_radius)

    return _by_slabs(space, distance)


def tube(space: Space, path: Sequence[Point], radii: Sequence[float]) -> Tensor:
    """Return the distance to a chain of rods through the points of ``path``, FAR where none is near."""
    nearest = torch.full_like(space.z, FAR)
    for start, end, first, last in zip(path[:-1], path[1:], radii[:-1], radii[1:], strict=True):
        rows, part = _levels(space, min(start[2], end[2]), max(start[2], end[2]))
        near = nearest[rows]
        torch.minimum(near, capsule(part, start, end, first, last), out=near)
    return nearest


def ellipsoids(space: Space, solids: Sequence[tuple[Point, Point]]) -> Tensor:
    """Return the distance to the nearest of small ellipsoids (centre, radii), FAR where none is near."""
    nearest = torch.full_like(space.z, FAR)
    for centre, radii in solids:
        rows, part = _levels(space, centre[2] - radii[2], centre[2] + radii[2])
        near = nearest[rows]
        torch.minimum(near, ellipsoid(part, centre, radii), out=near)
    return nearest


def _by_slabs(space: Space, distance: Callable[[Space], Tensor]) -> Tensor:
    """Return ``distance(space)``, which knows every position by itself, a few levels at a time."""
    result = torch.empty_like(space.z)
    levels = max(1, _SLAB // max(1, space.z[:1].numel()))
    for first in range(0, len(result), levels):
        part = slice(first, first + levels)
        result[part] = distance(Space(space.z[part], space.y[part], space.x[part]))
    return result


def _levels(space: Space, low: float, high: float) -> tuple[slice, Space]:
    """The rows along z within reach of low..high."""
    level = space.z.mean(dim=(1, 2))
    near = ((level > low - _REACH_MM) & (level < high + _REACH_MM)).nonzero()
    rows = slice(int(near[0]), int(near[-1]) + 1) if len(near) else slice(0, 0)
    return rows, Space(space.z[rows], space.y[rows], space.x[rows])


def coverage(distance: Tensor, width_mm: Tensor | float) -> Tensor:
    """Return how much of a voxel the solid fills, 0..1, from the distance at its centre.

    ``width_mm`` is the voxel's extent across the surface: partial volume of an even cut.
    """
    return (distance / width_mm).neg_().add_(0.5).clamp_(0.0, 1.0)
