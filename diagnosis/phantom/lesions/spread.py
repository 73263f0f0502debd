"""How an infection spreads from its foci: a time of arrival at every place of the lungs.

The infected part of the lungs is where the infection arrived before a time chosen so that it holds the
wanted share of the lungs: extents rise exactly with the share, and another day shows the same places grown or
absorbed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from diagnosis.phantom.disease import ALL_LOBES, Disease
from diagnosis.phantom.lesions.foci import Foci
from diagnosis.phantom.lesions.lattice import REACH_MM, Box, Lattice, axes_in, box_of, side_of_lobe
from diagnosis.phantom.randomness import Axes, Randomness

_GROWTH = 1.5
"""A focus' radius grows with time to the power 1 / _GROWTH: fast at first."""
_LAST = 2.0
"""Time after its onset at which a focus has its full size."""
_ROUGH_MM, _FINE_MM = 30.0, 11.0
"""Wavelengths of the noise that makes foci irregular."""
_LEAST = 0.45
"""Distances shrink to this share at most."""
_NEVER = 1e4
_EDGE_LIMITS = (0.01, 0.6)
"""Of the time that a soft edge spans."""


@dataclass(frozen=True, slots=True)
class LobeSpread:
    """Arrival in one lobe, on the cubes of ``box`` of the lattice, ``[z, y, x]``.

    Cubes past the lobe's own surface continue it, so that interpolation does not fray there. ``focus`` is the
    one that arrives first.
    """

    box: Box
    arrival: Tensor
    focus: Tensor

    def inside(self, box: Box) -> LobeSpread:
        """Return the part in a box of the lattice that lies within this one's."""
        z, y, x = (slice(p.start - o.start, p.stop - o.start) for p, o in zip(box, self.box, strict=True))
        return LobeSpread(box, self.arrival[z, y, x], self.focus[z, y, x])


@dataclass(frozen=True, slots=True)
class Spread:
    """Arrival in every lobe that the infection can reach, and ``now``: what arrived before is infected.

    ``edge`` is the time that the edge of each focus spans.
    """

    lobes: Mapping[int, LobeSpread]
    now: float
    edge: Tensor

    def infected(self, lattice: Lattice) -> Tensor:
        """Return where the lattice is infected, bool ``[z, y, x]``."""
        result = torch.zeros_like(lattice.lobes, dtype=torch.bool)
        for lobe, spread in self.lobes.items():
            result[spread.box] |= (spread.arrival < self.now) & (lattice.lobes[spread.box] == lobe)
        return result

    def reach(self, lobe: int) -> Box | None:
        """Return the cubes of the lattice that hold the lobe's infection with its soft edges."""
        part = self.lobes[lobe]
        inner = box_of(part.arrival < self.now + _EDGE_LIMITS[1] / 2)
        if inner is None:
            return None
        z, y, x = (
            slice(own.start + found.start, own.start + found.stop)
            for own, found in zip(part.box, inner, strict=True)
        )
        return z, y, x


def spread_of(foci: Foci, disease: Disease, lattice: Lattice, share: float, randomness: Randomness) -> Spread:
    """Let the infection spread until ``share`` (0 to 1) of the lungs is infected, or all it can reach."""
    stream = randomness.stream("spread")
    device = lattice.grid.device
    wobble = stream.smooth_field(lattice.axes, _ROUGH_MM, device, reach_mm=REACH_MM)
    wobble += 0.6 * stream.smooth_field(lattice.axes, _FINE_MM, device, reach_mm=REACH_MM)
    wobble = (1.0 + disease.irregularity * wobble).clamp(_LEAST, 2.5).pow_(_GROWTH)
    lobes = {}
    for lobe in ALL_LOBES:
        part = _lobe_spread(lobe, foci, lattice, wobble)
        if part is not None:
            lobes[lobe] = part
    return stopped_at(lobes, foci, lattice, share)


def stopped_at(lobes: Mapping[int, LobeSpread], foci: Foci, lattice: Lattice, share: float) -> Spread:
    """Return the spread at the time when ``share`` of the lungs is infected."""
    now = _time_of(share, lobes, lattice)
    return Spread(lobes, now, _edges(foci, now).to(lattice.grid.device))


def _lobe_spread(lobe: int, foci: Foci, lattice: Lattice, wobble: Tensor) -> LobeSpread | None:
    inner = box_of(lattice.lobes == lobe)
    if inner is None:
        return None
    z, y, x = (
        slice(max(part.start - 1, 0), min(part.stop + 1, size))
        for part, size in zip(inner, lattice.grid.shape, strict=True)
    )
    box = (z, y, x)
    arrival = torch.full(lattice.lobes[box].shape, _NEVER, device=wobble.device)
    owner = torch.zeros(arrival.shape, dtype=torch.long, device=wobble.device)
    for focus in range(len(foci)):
        if foci.side(focus) != side_of_lobe(lobe):
            continue
        if foci.bounded[focus] and foci.lobe[focus] != lobe:
            continue
        _add_focus(focus, foci, lattice, box, wobble, arrival, owner)
    return LobeSpread(box, arrival, owner) if float(arrival.min()) < _NEVER else None


def _add_focus(
    focus: int, foci: Foci, lattice: Lattice, box: Box, wobble: Tensor, arrival: Tensor, owner: Tensor
) -> None:
    """Lower the arrival in ``box`` of the lattice to what this focus gives."""
    largest = _LAST ** (1 / _GROWTH)
    reach = float(foci.semi_mm[focus].max()) * largest / _LEAST
    around = lattice.box_around(foci.centre[focus], reach)
    parts = [
        slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(around, box, strict=True)
    ]  # fmt: skip
    if any(part.start >= part.stop for part in parts):
        return
    place = (parts[0], parts[1], parts[2])
    squared = _squared_distance(focus, foci, axes_in(lattice.axes, place))
    # Distance times wobble to the power of 1.5, without the slow power.
    time = squared.mul_(squared.sqrt()).sqrt_().mul_(wobble[place]).add_(float(foci.onset[focus]))
    own = tuple(slice(p.start - b.start, p.stop - b.start) for p, b in zip(place, box, strict=True))
    first = time < arrival[own]
    arrival[own] = torch.where(first, time, arrival[own])
    owner[own] = torch.where(first, focus, owner[own])


def _squared_distance(focus: int, foci: Foci, axes: Axes) -> Tensor:
    """Squared distance from the centre of a focus in units of its half axes, ``[z, y, x]``."""
    scaled = foci.frame[focus] / foci.semi_mm[focus][:, None]
    matrix = scaled.T @ scaled
    z, y, x = (axis - float(middle) for axis, middle in zip(axes, foci.centre[focus], strict=True))
    z, y = z[:, None, None], y[None, :, None]
    (zz, zy, zx), (_, yy, yx), (_, _, xx) = matrix.tolist()
    plane: Tensor = yy * y * y + 2 * yx * y * x + xx * x * x
    squared: Tensor = zz * z * z + plane + 2 * z * (zy * y + zx * x)
    return squared.clamp_(min=0)


def _time_of(share: float, lobes: Mapping[int, LobeSpread], lattice: Lattice) -> float:
    """The time at which the infection has reached this share of the cubes in the lungs."""
    times = [part.arrival[lattice.lobes[part.box] == lobe] for lobe, part in lobes.items()]
    reached = torch.cat(times) if times else torch.empty(0)
    reached = reached[reached < _NEVER].sort().values
    wanted = round(share * lattice.lung_cells)
    if not wanted or not len(reached):
        return -_NEVER
    return float(reached[min(wanted, len(reached)) - 1]) + 1e-4


def _edges(foci: Foci, now: float) -> Tensor:
    """Time that an edge of so many mm spans at the present border of each focus."""
    age = np.maximum(now - foci.onset, 0.02)
    radius = age ** (1 / _GROWTH)
    per_mm = _GROWTH * radius ** (_GROWTH - 1) / foci.semi_mm.mean(axis=1)
    return torch.from_numpy(np.clip(foci.edge_mm * per_mm, *_EDGE_LIMITS)).float()
