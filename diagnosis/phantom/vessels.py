"""The arteries, veins and airways of a patient's lungs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diagnosis.phantom.airways import Course, grow_airways
from diagnosis.phantom.lung_map import LungMap, Points
from diagnosis.phantom.randomness import Randomness
from diagnosis.phantom.tree import Tree
from diagnosis.phantom.tree_growth import Bed, Wiring, connect
from diagnosis.phantom.tree_shape import MURRAY_EXPONENT, Joints, as_tree, bent, flow_of, smoothed
from diagnosis.phantom.trunks import ARTERIES, LOBES, VEINS, Trunk, bronchi_of, trunk_of
from diagnosis.results import LEFT_LUNG, RIGHT_LUNG
from diagnosis.volume import LabelArray

__all__ = ["Tree", "Vasculature", "grow_vasculature"]

_TERMINALS = (1400.0, 3000.0)
"""Supply points per tree and side, drawn per patient."""
_COMMON_TERMINALS = 2400.0
_UNIT_MM = 0.44
"""Radius of a vessel that serves one of 2400 supply points of a lung."""
_LARGEST_MM = 8.5
_PLEURA_MM = 3.5
"""No supply point nearer to the surface of the lung: vessels end before the pleura."""
_FISSURE_MM = 4.5
"""Nor to another lobe: the layer beside a fissure has no vessels to be seen on CT."""
_JITTER = 0.42
"""Of the lattice of supply points, against its step."""
_UNEVEN = 0.25
"""Standard deviation of the logarithm of a point's supply."""
_GRAVITY_PER_MM = 0.003
"""Growth of the flow per mm to posterior: blood sinks in a patient who lies on the back."""


@dataclass(frozen=True, slots=True)
class Vasculature:
    """The trees of both lungs. They depend on the patient alone, not on any voxel grid."""

    arteries: Tree
    veins: Tree
    airways: Tree


@dataclass(frozen=True, slots=True)
class _Site:
    """One tree to grow: its trunk, and a bed of supply points for each lobe of its side."""

    trunk: Trunk
    beds: Sequence[Bed]


def grow_vasculature(lung_map: LungMap, randomness: Randomness, calibre: float = 1.0) -> Vasculature:
    """Grow the trees of a patient; ``calibre`` scales the radii of vessels, and airways with them.

    Arteries and veins take turns on one lattice of supply points, so that veins run between the arteries.
    Airways follow the arteries. Raises ValueError for a map that lacks a lobe.
    """
    random = randomness.numpy
    terminals = float(random.uniform(*_TERMINALS))
    points, lobes, kinds = _supply_points(lung_map, terminals, random)
    sites = [
        _site(trunk_of(joints[side], side, lung_map), side, points[kinds == kind], lobes[kinds == kind])
        for kind, joints in enumerate((ARTERIES, VEINS))
        for side in (RIGHT_LUNG, LEFT_LUNG)
    ]
    wirings = iter(connect([bed for site in sites for bed in site.beds], lung_map))
    unit_mm = _UNIT_MM * calibre * (_COMMON_TERMINALS / terminals) ** (1 / MURRAY_EXPONENT)
    grown = [
        smoothed(_joints(site, [next(wirings) for _ in site.beds], unit_mm, random), lung_map)
        for site in sites
    ]
    courses = [
        Course(side, joints, bronchi_of(ARTERIES[side], side, lung_map))
        for side, joints in zip((RIGHT_LUNG, LEFT_LUNG), grown[:2], strict=True)
    ]
    trees = [as_tree(bent(joints)) for joints in grown]
    return Vasculature(
        arteries=Tree.joined(trees[:2]),
        veins=Tree.joined(trees[2:]),
        airways=grow_airways(courses, lung_map, randomness),
    )


def _supply_points(
    lung_map: LungMap, terminals: float, random: np.random.Generator
) -> tuple[Points, LabelArray, NDArray[np.intp]]:
    """Points evenly over both lungs, their lobes, and their kind: 0 for arteries, 1 for veins, in turn."""
    fit = (lung_map.lobes > 0) & (lung_map.depth_mm > _PLEURA_MM)
    step = (float(fit.sum()) * lung_map.step_mm**3 / (4 * terminals)) ** (1 / 3)
    first = np.array(lung_map.first_mm)
    extent = np.array(lung_map.lobes.shape[::-1]) * lung_map.step_mm
    sites = np.stack(np.meshgrid(*[np.arange(size // step + 1) for size in extent], indexing="ij"), axis=-1)
    sites = sites.reshape(-1, 3)
    kinds = sites.sum(axis=1).astype(np.intp) % 2
    jitter = random.uniform(-_JITTER, _JITTER, sites.shape)
    points = (first + (sites + jitter) * step).astype(np.float32)
    lobes = lung_map.lobe_at(points)
    inside = np.flatnonzero(lobes)
    inside = inside[lung_map.depth_at(points[inside]) > _PLEURA_MM]
    for axis in range(3):
        for away in (-_FISSURE_MM, _FISSURE_MM):
            shifted = points[inside] + np.eye(3, dtype=np.float32)[axis] * np.float32(away)
            beside = lung_map.lobe_at(shifted)
            inside = inside[(beside == lobes[inside]) | (beside == 0)]
    return points[inside], lobes[inside], kinds[inside]


def _site(trunk: Trunk, side: int, points: Points, lobes: LabelArray) -> _Site:
    beds = []
    for lobe in LOBES[side]:
        stems = trunk.leading_to(lobe)
        beds.append(Bed(lobe, points[lobes == lobe], trunk.position[stems], trunk.path_mm[stems]))
    return _Site(trunk, beds)


def _joints(
    site: _Site, wirings: Sequence[Wiring], unit_mm: float, random: np.random.Generator
) -> Joints:
    """The joints of a tree: the trunk's, then each bed's in the order of growth."""
    positions, parents = [site.trunk.position], [site.trunk.parent]
    lobes = [np.zeros(len(site.trunk.position), np.uint8)]
    for bed, wiring in zip(site.beds, wirings, strict=True):
        begin = sum(len(part) for part in positions)
        rank = np.empty(len(bed.points), np.intp)
        rank[wiring.order] = np.arange(begin, begin + len(bed.points))
        stems = site.trunk.leading_to(bed.lobe)
        from_trunk = stems[np.minimum(wiring.parent, -1)]
        parents.append(np.where(wiring.parent < 0, from_trunk, rank[wiring.parent]))
        positions.append(bed.points[wiring.order])
        lobes.append(np.full(len(bed.points), bed.lobe, np.uint8))
    position, parent, lobe = np.concatenate(positions), np.concatenate(parents), np.concatenate(lobes)
    supply = np.exp(random.normal(0.0, _UNEVEN, len(position)) + _GRAVITY_PER_MM * position[:, 1])
    supply[lobe == 0] = 0.0
    flow = flow_of(supply, parent)
    radius = np.minimum(unit_mm * flow ** (1 / MURRAY_EXPONENT), _LARGEST_MM).astype(np.float32)
    return Joints(position, parent, lobe, flow, radius)
