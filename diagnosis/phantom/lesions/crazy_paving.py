"""The net of crazy paving: walls between cells, as thickened septa within ground glass."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from diagnosis.phantom.randomness import Randomness

CELL_MM = 6.0
"""Between seeds: a line across the net meets a wall about as often, half the width of a secondary lobule."""
_WALL_MM = 0.6
"""Difference of the distances to the two nearest seeds at which a wall begins to thin out."""
_CHUNK = 1 << 15
"""Points looked at together: the arrays of a step stay in the processor's cache."""
_TABLE = 41
"""Jitters repeat after this many cells: further apart than anyone would compare."""


def seeds_of_net(randomness: Randomness) -> Tensor:
    """Draw the places of the seeds within their cells."""
    return torch.rand(_TABLE, _TABLE, _TABLE, 3, generator=randomness.torch)


def net_at(points_mm: Tensor, thickness_mm: float, seeds: Tensor) -> Tensor:
    """Return how much of each point ``[n, 3]`` (z, y, x mm) is wall, 0 to 1, float32 ``[n]``.

    Walls are where the two nearest seeds of a jittered grid are equally far (Worley, A cellular texture basis
    function, SIGGRAPH 1996: F2 - F1). Slices thicker than a wall see the mean over ``thickness_mm``.
    """
    seeds = seeds.to(points_mm.device)
    samples = max(1, round(thickness_mm / 2.5))
    total = torch.zeros(len(points_mm), device=points_mm.device)
    for sample in range(samples):
        shifted = points_mm.clone()
        shifted[:, 0] += thickness_mm * ((sample + 0.5) / samples - 0.5)
        for start in range(0, len(shifted), _CHUNK):
            total[start : start + _CHUNK] += _walls(shifted[start : start + _CHUNK] / CELL_MM, seeds)
    return total / samples


def _walls(places: Tensor, seeds: Tensor) -> Tensor:
    cell = places.floor()
    nearest = torch.full((len(places),), 1e9, device=places.device)
    second = nearest.clone()
    for offset in itertools.product((-1.0, 0.0, 1.0), repeat=3):
        neighbour = cell + torch.tensor(offset, device=places.device)
        index = neighbour.long() % _TABLE
        seed = neighbour + seeds[index[:, 0], index[:, 1], index[:, 2]]
        distance = (seed - places).square_().sum(dim=1)
        second = torch.minimum(second, torch.maximum(nearest, distance))
        nearest = torch.minimum(nearest, distance)
    gap_mm = (second.sqrt() - nearest.sqrt()) * CELL_MM
    return (1.5 - gap_mm / _WALL_MM).clamp_(0.0, 1.0)
