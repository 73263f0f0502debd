"""Greedy growth of vessel trees towards supply points, lobe by lobe.

Each new branch joins the point with the least cost d + balance * path length to the tree (Cuntz et al.,
"One rule to grow them all", PLoS Comput Biol 2010): short wiring against short ways to the hilum. All lobes
and both kinds of vessel grow side by side, one point each per step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diagnosis.phantom.lung_map import LungMap, Points

_BALANCE = 0.42
_CROSSING_MM = 30.0
"""Added to a branch whose middle lies outside its lobe: around the heart and the fissures, not through."""
_STEM_MM = 9.0
"""Added to a branch from the trunk: a few strong branches enter each lobe, not a bunch of twigs."""
_CONNECTED_MM = 1e6
"""Where connected points are moved to, so that nothing reaches them any more."""
_STEPS_PER_SWEEP = 64
"""So often connected points are dropped: fewer are left to look at."""


@dataclass(frozen=True, slots=True)
class Bed:
    """Points of one lobe to be reached from the joints of a trunk that lead there."""

    lobe: int
    points: Points
    """[n, 3] (x, y, z mm)."""
    stems: Points
    """Joints of the trunk [k, 3]."""
    stem_path_mm: NDArray[np.float32]
    """From the hilum to each of them along the trunk [k]."""


@dataclass(frozen=True, slots=True)
class Wiring:
    """How a bed was connected: its points in the order of growth, each after its parent.

    ``parent`` [n] belongs to the point ``order[i]`` and is the number of a point of the bed, or
    ``stem - k`` (negative) for one of the k joints of the trunk.
    """

    order: NDArray[np.intp]
    parent: NDArray[np.intp]


class _Front:
    """The points of all beds, not yet connected, with the cheapest branch to each so far; rows are beds."""

    def __init__(self, beds: Sequence[Bed], lung_map: LungMap) -> None:
        self._step = lung_map.step_mm
        self._inside, self._strides = _middles(lung_map)
        rows, width = len(beds), max(len(bed.points) for bed in beds)
        self.position = np.full((3, rows, width), _CONNECTED_MM, np.float32)
        self.place = np.zeros((rows, width), np.int64)
        self.cost = np.full((rows, width), np.inf, np.float32)
        self.parent = np.zeros((rows, width), np.int64)
        self.path = np.zeros((rows, width), np.float32)
        self.number = np.tile(np.arange(width), (rows, 1))
        self._open = np.ones((rows, width), bool)
        self._lobe = np.array([[bed.lobe] for bed in beds], np.uint8)
        for row, bed in enumerate(beds):
            self.position[:, row, : len(bed.points)] = bed.points.T
            self.place[row, : len(bed.points)] = self._places(bed.points, lung_map)
            self._offer_stems(row, bed, lung_map)

    def _places(self, points: Points, lung_map: LungMap) -> NDArray[np.int64]:
        index = np.rint((points - np.array(lung_map.first_mm)) / self._step).astype(np.int64)
        limit = np.array(lung_map.lobes.shape[::-1]) - 1
        return np.asarray(np.clip(index, 0, limit)[:, ::-1] @ self._strides)

    def _offer_stems(self, row: int, bed: Bed, lung_map: LungMap) -> None:
        places = self._places(bed.stems, lung_map)
        rows, count = slice(row, row + 1), len(bed.stems)
        for stem in range(count):
            one = slice(stem, stem + 1)
            number = np.array([stem - count])
            self._offer(rows, bed.stems[one], bed.stem_path_mm[one], places[one], number, _STEM_MM)

    def _offer(
        self, rows: slice, start: Points, path: NDArray[np.float32], place: NDArray[np.int64],
        number: NDArray[np.int64], extra_mm: float = 0.0,
    ) -> None:  # fmt: skip
        """Let every point of the rows know of a new joint (one per row) and keep it where it is cheaper."""
        x, y, z = self.position[:, rows]
        squares = (x - start[:, :1]) ** 2
        squares += (y - start[:, 1:2]) ** 2
        squares += (z - start[:, 2:]) ** 2
        length = np.sqrt(squares, out=squares)
        crossing = self._inside[self.place[rows] + place[:, None]] != self._lobe[rows]
        length_path = length + path[:, None]
        cost = length + _BALANCE * length_path
        cost += crossing * np.float32(_CROSSING_MM) + np.float32(extra_mm)
        cheaper = cost < self.cost[rows]
        np.copyto(self.cost[rows], cost, where=cheaper)
        np.copyto(self.path[rows], length_path, where=cheaper)
        np.copyto(self.parent[rows], number[:, None], where=cheaper)

    def advance(self, active: int) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """Connect the cheapest point of each of the first rows; return the points and their parents."""
        row = np.arange(active)
        point = self.cost[:active].argmin(axis=1)
        parent = self.parent[row, point]
        start = self.position[:, row, point].T
        path, place = self.path[row, point], self.place[row, point]
        number = self.number[row, point]
        self.cost[row, point] = np.inf
        self.position[:, row, point] = _CONNECTED_MM
        self._open[row, point] = False
        self._offer(slice(0, active), start, path, place, number)
        return number, parent

    def sweep(self, active: int) -> None:
        """Drop the connected points of the first rows, of which each has as many, and all other rows."""
        still = self._open[:active]
        for name in ("position", "place", "cost", "parent", "path", "number", "_open"):
            values = getattr(self, name)[..., :active, :]
            setattr(self, name, values[..., still].reshape(*values.shape[:-1], -1))


def connect(beds: Sequence[Bed], lung_map: LungMap) -> list[Wiring]:
    """Return the wiring of each bed. Beds must have points and stems; ValueError otherwise."""
    if any(not len(bed.points) or not len(bed.stems) for bed in beds):
        raise ValueError("a lobe without supply points or without a trunk cannot be grown")
    ranks = sorted(range(len(beds)), key=lambda number: (-len(beds[number].points), number))
    sizes = np.array([len(beds[rank].points) for rank in ranks])
    front = _Front([beds[rank] for rank in ranks], lung_map)
    order = np.zeros((len(beds), sizes[0]), np.intp)
    parent = np.zeros((len(beds), sizes[0]), np.intp)
    for step in range(sizes[0]):
        active = int((sizes > step).sum())
        if step % _STEPS_PER_SWEEP == 0:
            front.sweep(active)
        order[:active, step], parent[:active, step] = front.advance(active)
    wirings: dict[int, Wiring] = {
        rank: Wiring(order[row, : sizes[row]], parent[row, : sizes[row]]) for row, rank in enumerate(ranks)
    }
    return [wirings[number] for number in range(len(beds))]


def _middles(lung_map: LungMap) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Lobes at half steps, flat, and strides by which two cubes' places add up to their middle's place."""
    lobes = lung_map.lobes
    for axis in range(3):
        lobes = np.repeat(lobes, 2, axis=axis)
    _, height, width = lobes.shape
    return lobes.ravel(), np.array([height * width, width, 1], np.int64)
