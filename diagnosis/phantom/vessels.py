"""The arteries, veins and airways of a patient's lungs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diagnosis.phantom.airways import Course, grow_airways, with_walls
from diagnosis.phantom.lung_map import LungMap, Points
from diagnosis.phantom.randomness import Randomness
from diagnosis.phantom.tree import Tree
from diagnosis.phantom.tree_growth import Bed, Wiring, connect
from diagnosis.phantom.tree_shape import (
    MURRAY_EXPONENT,
    Joints,
    as_tree,
    bent,
    kept_apart,
    smoothed,
    with_twigs,
)
from diagnosis.phantom.trunks import ARTERIES, LOBES, VEINS, Trunk, bronchi_of, trunk_of
from diagnosis.results import LEFT_LUNG, RIGHT_LUNG
from diagnosis.volume import LabelArray

__all__ = ["Tree", "Vasculature", "grow_vasculature"]

_TERMINALS = (1400.0, 3000.0)
"""Supply points per tree and side that branches grow to, drawn per patient."""
_TWIGS = (0.8, 1.6)
"""Further points per supply point that hang on the nearest branch by a twig, drawn per patient."""
_COMMON_TERMINALS = 2400.0
_UNIT_MM = 0.44
"""Radius of a vessel that serves a 2400th of a lung."""
_LARGEST_ARTERY_MM, _LARGEST_VEIN_MM = 8.5, 6.8
"""Two veins leave each lung, and one artery enters."""
_IN_THE_WAY_MM = 0.9
"""Veins give way to arteries and airways of this radius."""
_PLEURA_MM, _TWIG_PLEURA_MM = 4.0, 2.5
"""No point nearer to the surface of the lung: vessels end before the pleura."""
_FISSURE_MM = 2.5
"""Nor to another lobe: the layer beside a fissure has no vessels to be seen on CT."""
_SIDES = (RIGHT_LUNG, LEFT_LUNG)
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
class _SupplyPoints:
    """Points [n, 3] to be reached, their lobes, and their kind: 0 for arteries, 1 for veins."""

    position: Points
    lobe: LabelArray
    kind: NDArray[np.intp]

    def of(self, kind: int, lobes: Collection[int]) -> _SupplyPoints:
        """Return the points of one kind in some lobes."""
        own = (self.kind == kind) & np.isin(self.lobe, list(lobes))
        return _SupplyPoints(self.position[own], self.lobe[own], self.kind[own])


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
    terminals, twigs = float(random.uniform(*_TERMINALS)), float(random.uniform(*_TWIGS))
    coarse = _supply_points(lung_map, terminals, _PLEURA_MM, random)
    fine = _supply_points(lung_map, terminals * twigs, _TWIG_PLEURA_MM, random)
    sites = [
        _site(trunk_of(joints[side], side, lung_map), side, coarse.of(kind, LOBES[side]))
        for kind, joints in enumerate((ARTERIES, VEINS))
        for side in _SIDES
    ]
    wirings = iter(connect([bed for site in sites for bed in site.beds], lung_map))
    grown = [
        bent(smoothed(_joints(site, [next(wirings) for _ in site.beds], random), lung_map)) for site in sites
    ]
    unit_mm = _UNIT_MM * calibre * (_COMMON_TERMINALS / (terminals * (1 + twigs))) ** (1 / MURRAY_EXPONENT)
    arteries, courses = [], []
    for side, joints in zip(_SIDES, grown[:2], strict=True):
        joints = _with_twigs(joints, fine.of(0, LOBES[side]), random)
        radius = _radius(joints, unit_mm, _LARGEST_ARTERY_MM)
        arteries.append(as_tree(joints, radius))
        courses.append(Course(side, joints, radius, bronchi_of(ARTERIES[side], side, lung_map)))
    airways = grow_airways(courses, lung_map, randomness)
    obstacles = _large(Tree.joined([*arteries, with_walls(airways)]))
    veins = []
    for side, joints in zip(_SIDES, grown[2:], strict=True):
        width = _radius(joints, unit_mm * (1 + twigs) ** (1 / MURRAY_EXPONENT), _LARGEST_VEIN_MM)
        joints = kept_apart(joints, width, obstacles, lung_map)
        joints = _with_twigs(joints, fine.of(1, LOBES[side]), random)
        veins.append(as_tree(joints, _radius(joints, unit_mm, _LARGEST_VEIN_MM)))
    return Vasculature(Tree.joined(arteries), Tree.joined(veins), airways)


def _radius(joints: Joints, unit_mm: float, largest_mm: float) -> NDArray[np.float32]:
    """Radii that carry the flow: Murray's law below a largest one."""
    return np.minimum(unit_mm * joints.flow ** (1 / MURRAY_EXPONENT), largest_mm).astype(np.float32)


def _with_twigs(joints: Joints, points: _SupplyPoints, random: np.random.Generator) -> Joints:
    return with_twigs(joints, points.position, points.lobe, _supply(points.position, random))


def _large(tree: Tree) -> Tree:
    """What is wide enough to be in the way."""
    return tree.subset(tree.radius_end > _IN_THE_WAY_MM)


def _supply(position: Points, random: np.random.Generator) -> NDArray[np.float64]:
    """What the tissue around each point takes, about 1: uneven, and more at the back."""
    return np.asarray(np.exp(random.normal(0.0, _UNEVEN, len(position)) + _GRAVITY_PER_MM * position[:, 1]))


def _supply_points(
    lung_map: LungMap, terminals: float, pleura_mm: float, random: np.random.Generator
) -> _SupplyPoints:
    """Return points evenly over both lungs, ``terminals`` for each of four trees, kinds in turn."""
    fit = (lung_map.lobes > 0) & (lung_map.depth_mm > pleura_mm)
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
    inside = inside[lung_map.depth_at(points[inside]) > pleura_mm]
    for axis in range(3):
        for away in (-_FISSURE_MM, _FISSURE_MM):
            shifted = points[inside] + np.eye(3, dtype=np.float32)[axis] * np.float32(away)
            beside = lung_map.lobe_at(shifted)
            inside = inside[(beside == lobes[inside]) | (beside == 0)]
    return _SupplyPoints(points[inside], lobes[inside], kinds[inside])


def _site(trunk: Trunk, side: int, points: _SupplyPoints) -> _Site:
    beds = []
    for lobe in LOBES[side]:
        stems = trunk.leading_to(lobe)
        own = points.position[points.lobe == lobe]
        beds.append(Bed(lobe, own, trunk.position[stems], trunk.path_mm[stems]))
    return _Site(trunk, beds)


def _joints(site: _Site, wirings: Sequence[Wiring], random: np.random.Generator) -> Joints:
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
    position, lobe = np.concatenate(positions), np.concatenate(lobes)
    supply = np.where(lobe > 0, _supply(position, random), 0.0)
    return Joints.supplied(position, np.concatenate(parents), lobe, supply)
