"""Random places in the lungs that do not depend on the voxel grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diagnosis.phantom.lesions.lattice import STEP_MM, Lattice
from diagnosis.phantom.randomness import Randomness

Floats = NDArray[np.float64]

CANDIDATES = 24000
"""Enough for a few thousand of them to fall into the lungs."""
_LEAST_DEPTH_MM = 1.5
"""Nearer to the surface it depends on the voxels whether a point is inside."""
_LOW, _HIGH = np.array([-290.0, -150.0, -185.0]), np.array([150.0, 150.0, 185.0])
"""Corners (z, y, x mm) of a box that holds any lungs."""


@dataclass(frozen=True, slots=True)
class Places:
    """Candidates inside the lungs: ``points`` ``[n, 3]`` (z, y, x mm), lobe and distance to the chest wall.

    ``number`` names each of CANDIDATES points, most of which lie outside: what is drawn for all of them stays
    with its point although another grid finds some more or fewer points inside. ``low`` is 0 at the apex and
    1 at the base, ``back`` 0 in front and 1 behind.
    """

    number: NDArray[np.intp]
    points: Floats
    lobe: NDArray[np.int64]
    costal_mm: Floats
    low: Floats
    back: Floats
    draw: Floats
    """Exponential numbers: the smallest ``draw / weight`` comes first."""

    def own(self, values: Floats) -> Floats:
        """Return these places' part of ``values`` ``[CANDIDATES]``."""
        return values[self.number]

    def first(self, weight: Floats, count: int) -> NDArray[np.intp]:
        """Return the numbers of ``count`` places drawn in proportion to ``weight``, none twice.

        A larger count only adds places at the end. Fewer come back when fewer have a weight.
        """
        key = np.full(len(self.draw), np.inf)
        np.divide(self.draw, weight, out=key, where=weight > 0)
        order = np.argsort(key, kind="stable")[:count]
        return np.asarray(order[np.isfinite(key[order])], np.intp)


def places_in(lattice: Lattice, randomness: Randomness) -> Places:
    """Draw candidates evenly over the lungs."""
    points = randomness.numpy.uniform(_LOW, _HIGH, size=(CANDIDATES, 3))
    draw = randomness.numpy.exponential(size=CANDIDATES)
    lobe = lattice.at(lattice.lobes, points).astype(np.int64)
    inside = np.flatnonzero((lobe > 0) & (lattice.at(lattice.depth_mm, points) > _LEAST_DEPTH_MM))
    points = points[inside]
    costal = lattice.at(lattice.costal_mm, points)
    height, depth = (_position(points[:, axis], lattice, axis) for axis in (0, 1))
    return Places(inside, points, lobe[inside], costal, 1.0 - height, depth, draw[inside])


def _position(values: Floats, lattice: Lattice, axis: int) -> Floats:
    """Positions along an axis from 0, where the lungs begin, to 1, where they end."""
    others = [other for other in (2, 1, 0) if other != axis]
    covered = lattice.lobes > 0
    for other in others:
        covered = covered.any(dim=other)
    ends = lattice.axes[axis][covered]
    first, last = float(ends[0]), float(ends[-1])
    return np.clip((values - first) / max(last - first, STEP_MM), 0.0, 1.0)
