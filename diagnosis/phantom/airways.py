"""Trachea, bronchi and the smaller airways, which run beside the arteries."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from diagnosis.phantom.grid import Grid
from diagnosis.phantom.lung_map import LungMap, Points
from diagnosis.phantom.randomness import Randomness
from diagnosis.phantom.rasteriser import capsules
from diagnosis.phantom.tree import Tree
from diagnosis.phantom.tree_shape import Joints, as_tree, connected, unit
from diagnosis.results import LEFT_LUNG, RIGHT_LUNG
from diagnosis.volume import BoolArray

_SMALLEST_ARTERY_MM = (1.15, 1.7)
"""Radius of the smallest artery beside which an airway can be seen on CT, drawn per patient."""
_APART = 1.9
"""From the artery's middle to the airway's, in radii of the artery: the walls touch."""
_LUMEN_OF_ARTERY = (0.68, 0.85)
"""Radius of the lumen against the artery's, drawn per patient; about 0.7 in the young, 0.8 in the old."""
_LARGEST_LOBAR_MM = 5.4
"""Radius of the widest bronchus beyond the main ones."""
_WALL_MM, _WALL_OF_LUMEN = 0.45, 0.19
"""A wall is about a fifth of its lumen, with a part that grows slower: small bronchi have thick walls."""
_COVER_MM = 0.5
"""Of lung around the wall of an airway beyond the hilum."""
_TRACHEA_MM = (6.6, 8.0)
"""Radius of each of the two rods that make up the trachea, drawn per patient."""
_TRACHEA_HALF_GAP = 0.28
"""Half the distance of the two rods, in their radius: the trachea is wider than deep, flat at the back."""
_MAIN_OF_TRACHEA: Mapping[int, tuple[float, float]] = {RIGHT_LUNG: (0.95, 0.84), LEFT_LUNG: (0.84, 0.76)}
"""Radius of the main bronchi at carina and hilum against the trachea's rods: the right one is wider."""
_MAIN_SAG_MM: Mapping[int, float] = {RIGHT_LUNG: -2.0, LEFT_LUNG: 2.0}
"""How far the middle of a main bronchus lies above the straight way: the right one falls steeply at first."""
_PIPE_RODS = 8
_TURNS = np.radians([0.0, 50.0, -50.0, 100.0, -100.0, 150.0, -150.0])
_CLOSER = (1.0, 0.6, 0.25)
"""Turns around the artery and parts of the distance, where the airway would otherwise leave the lung."""
_NEVER_CUT_MM = 1.8
"""A wider airway is squeezed between artery and heart rather than left out with all behind it."""

TRACHEA, MAIN_BRONCHI, LOBAR = 0, 1, 2
"""Generations of the airways."""


@dataclass(frozen=True, slots=True)
class Course:
    """What the airways of one side follow: the arteries' joints, and the bronchi beside those of the trunk.

    The first ``len(bronchi)`` joints are the trunk; the main bronchus ends beside the first of them.
    """

    side: int
    arteries: Joints
    radius: NDArray[np.float32]
    """Of the artery that ends at each joint [n]."""
    bronchi: Points


def grow_airways(courses: Sequence[Course], lung_map: LungMap, randomness: Randomness) -> Tree:
    """Return trachea, main bronchi and the airways along the arteries; the radii are those of the lumen.

    ``generation`` is 0 in the trachea, 1 in the main bronchi, and counts branchings from 2 beyond them.
    """
    rod = randomness.uniform(*_TRACHEA_MM)
    smallest, ratio = randomness.uniform(*_SMALLEST_ARTERY_MM), randomness.uniform(*_LUMEN_OF_ARTERY)
    sides = []
    for course in courses:
        trachea, bronchus = _central(course, rod, lung_map)
        sides.append(_chained([trachea, bronchus, _beyond(course, smallest, ratio, lung_map)]))
    return Tree.joined(sides)


def main_airways(tree: Tree) -> Tree:
    """Return trachea and main bronchi: the part of the airways that does not belong to the lungs."""
    return tree.subset(tree.generation <= MAIN_BRONCHI)


def central_airways(tree: Tree) -> Tree:
    """Return trachea, main bronchi and the lobar bronchi in the hilum: what may lie outside the lungs."""
    return tree.subset(tree.lobe == 0)


def wall_mm(lumen_mm: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the thickness of the wall around a lumen: 0.6 mm for a radius of 1 mm, 2 mm for the trachea."""
    return np.asarray(_WALL_MM + _WALL_OF_LUMEN * lumen_mm, np.float32)


def with_walls(tree: Tree) -> Tree:
    """Return the airways with the radii of their outer surface."""
    return replace(
        tree,
        radius_start=tree.radius_start + wall_mm(tree.radius_start),
        radius_end=tree.radius_end + wall_mm(tree.radius_end),
    )


def airway_tensors(
    tree: Tree, grid: Grid, wall_scale: float = 1.0, lumen_scale: float = 1.0,
    lobes: Collection[int] | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Return the shares of each voxel in the lumen and in the wall of airways, float32 ``[z, y, x]``, 0..1.

    ``wall_scale`` thickens walls (bronchial wall thickening) and ``lumen_scale`` widens lumina
    (bronchiectasis) in the given lobes, or in all; trachea and main bronchi keep their size.
    """
    changed = tree.generation > MAIN_BRONCHI
    if lobes is not None:
        changed &= np.isin(tree.lobe, list(lobes))
    widen = np.where(changed, np.float32(lumen_scale), np.float32(1.0))
    thicken = np.where(changed, np.float32(wall_scale), np.float32(1.0))
    inner = replace(tree, radius_start=tree.radius_start * widen, radius_end=tree.radius_end * widen)
    outer = replace(
        inner,
        radius_start=inner.radius_start + wall_mm(tree.radius_start) * thicken,
        radius_end=inner.radius_end + wall_mm(tree.radius_end) * thicken,
    )
    lumen = capsules(inner, grid)
    walls = capsules(outer, grid).sub_(lumen).clamp_(min=0.0)
    return lumen, walls


def _central(course: Course, rod: float, lung_map: LungMap) -> tuple[Tree, Tree]:
    """One rod of the trachea, and the main bronchus of its side."""
    outward = -1.0 if course.side == RIGHT_LUNG else 1.0
    beside = np.array([outward * _TRACHEA_HALF_GAP * rod, 0.0, 0.0])
    top, carina = np.array(lung_map.trachea_top_mm) + beside, np.array(lung_map.carina_mm) + beside
    bow = np.array([0.0, 1.5, 0.0])
    trachea = _pipe((top, (top + carina) / 2 + bow, carina), (rod, rod), TRACHEA)
    hilum = course.bronchi[0].astype(np.float64)
    sag = np.array([0.0, 2.0, _MAIN_SAG_MM[course.side]])
    first, last = _MAIN_OF_TRACHEA[course.side]
    way = (carina, (carina + hilum) / 2 + sag, hilum)
    return trachea, _pipe(way, (first * rod, last * rod), MAIN_BRONCHI)


def _pipe(through: Sequence[NDArray[np.float64]], radii: tuple[float, float], generation: int) -> Tree:
    """An unbranched tube on a parabola through three points."""
    first, middle, last = through
    t = np.linspace(0.0, 1.0, _PIPE_RODS + 1)[:, None]
    control = 2 * middle - (first + last) / 2
    curve = ((1 - t) ** 2 * first + 2 * t * (1 - t) * control + t**2 * last).astype(np.float32)
    widths = np.linspace(*radii, _PIPE_RODS + 1).astype(np.float32)
    return Tree(
        start=curve[:-1],
        end=curve[1:],
        radius_start=widths[:-1],
        radius_end=widths[1:],
        lobe=np.zeros(_PIPE_RODS, np.uint8),
        terminal=np.zeros(_PIPE_RODS, bool),
        generation=np.full(_PIPE_RODS, generation, np.int32),
        parent=np.arange(-1, _PIPE_RODS - 1, dtype=np.int32),
    )


def _chained(parts: Sequence[Tree]) -> Tree:
    """Join trees so that the roots of each hang on the last segment of the one before."""
    tree = Tree.joined(parts)
    parent, begin = tree.parent.copy(), len(parts[0])
    for part in parts[1:]:
        rows = parent[begin : begin + len(part)]
        rows[rows < 0] = begin - 1
        begin += len(part)
    return replace(tree, parent=parent)


def _beyond(course: Course, smallest_mm: float, ratio: float, lung_map: LungMap) -> Tree:
    """The airways of one side beyond the main bronchus: lobar bronchi and what runs beside the arteries."""
    parent, trunk = course.arteries.parent, len(course.bronchi)
    wide = connected(course.radius > smallest_mm, parent)
    followed, radius = course.arteries.subset(wide), course.radius[wide]
    lumen = np.minimum(radius * np.float32(ratio), np.float32(_LARGEST_LOBAR_MM))
    bronchi = course.bronchi[wide[:trunk]]
    position, fits = _beside(followed, radius * np.float32(_APART), lumen, bronchi, lung_map)
    kept = connected(fits, followed.parent)
    airways = replace(followed.subset(kept), position=position[kept])
    tree = as_tree(airways, lumen[kept])
    return replace(tree, generation=tree.generation + LOBAR)


def _beside(
    arteries: Joints, apart: NDArray[np.float32], lumen: NDArray[np.float32], bronchi: Points,
    lung_map: LungMap,
) -> tuple[Points, BoolArray]:  # fmt: skip
    """Places of the airways beside the joints of arteries, and whether they lie inside the lung.

    The direction from artery to airway is carried along the tree from the trunk without twisting.
    """
    trunk, away = len(bronchi), np.zeros_like(arteries.position)
    away[:trunk] = unit(bronchi - arteries.position[:trunk])
    along = np.zeros_like(arteries.position)
    hanging = arteries.hanging
    along[hanging] = unit(arteries.position[hanging] - arteries.position[arteries.parent[hanging]])
    for joint in range(trunk, len(away)):
        carried = away[arteries.parent[joint]]
        across = carried - (carried @ along[joint]) * along[joint]
        away[joint] = across / max(float(np.linalg.norm(across)), 1e-6)
    position, best = arteries.position.copy(), np.full(len(away), -np.inf, np.float32)
    cover = lumen + wall_mm(lumen) + np.float32(_COVER_MM)
    for part, turn in itertools.product(_CLOSER, _TURNS):
        turned = away * np.cos(turn) + np.cross(along, away) * np.sin(turn)
        place = (arteries.position + turned * (part * apart[:, None])).astype(np.float32)
        room = lung_map.depth_at(place) - cover
        takes = (best < 0) & (room > best)
        position[takes], best = place[takes], np.where(takes, room, best)
    fits = (best > 0) | ((lumen > _NEVER_CUT_MM) & (best + cover > 0))
    position[:trunk], fits[:trunk] = bronchi, True
    return position, fits
