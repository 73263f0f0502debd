"""From the joints of a grown tree to smooth branches with radii."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from diagnosis.phantom.lung_map import LungMap, Points
from diagnosis.phantom.tree import Tree
from diagnosis.volume import BoolArray, LabelArray

MURRAY_EXPONENT = 2.55
"""r^2.55 summed over the branches is kept at a joint: between Murray's 3 and what casts of arteries show."""
_SMOOTHING_PASSES = 4
_MARGIN_MM = 2.0
"""Smoothing moves no joint nearer to the surface of the lung than this."""
_GAP_MM = 0.8
"""Between the walls of a vein and of what it runs beside."""
_NEIGHBOURS = 4
_PUSHES = 3
_FUNNEL = 1.2
"""A branch begins at most this much wider than it goes on."""
_TIP = 0.75
"""Radius of a tip against that of its branch."""


@dataclass(frozen=True, slots=True)
class Joints:
    """A tree as joints [n, 3] (x, y, z mm), each after the joint ``parent`` (-1 at a root) it hangs on."""

    position: Points
    parent: NDArray[np.intp]
    lobe: LabelArray
    supply: NDArray[np.float64]
    """What the tissue around the joint takes [n]; 0 along a trunk."""

    flow: NDArray[np.float64]
    """Supply of each joint and of everything behind it [n]."""

    @staticmethod
    def supplied(
        position: Points, parent: NDArray[np.intp], lobe: LabelArray, supply: NDArray[np.float64]
    ) -> Joints:
        """Make joints and add up their flow."""
        flow, upstream = supply.tolist(), parent.tolist()
        for joint in range(len(flow) - 1, -1, -1):
            if upstream[joint] >= 0:
                flow[upstream[joint]] += flow[joint]
        return Joints(position, parent, lobe, supply, np.array(flow))

    @property
    def hanging(self) -> NDArray[np.intp]:
        """Numbers of the joints that are no root."""
        return np.flatnonzero(self.parent >= 0)

    @property
    def branches(self) -> NDArray[np.intp]:
        """How many joints hang on each."""
        return np.bincount(self.parent[self.hanging], minlength=len(self.parent))

    def main_branch(self) -> NDArray[np.intp]:
        """Return for each joint the joint with the most flow that hangs on it, -1 at a tip."""
        hanging = self.hanging
        ascending = hanging[np.argsort(self.flow[hanging], kind="stable")]
        result = np.full(len(self.parent), -1, np.intp)
        result[self.parent[ascending]] = ascending
        return result

    def subset(self, keep: BoolArray) -> Joints:
        """Return the joints where ``keep`` is true; one whose parent is left out becomes a root."""
        number = np.where(keep, np.cumsum(keep) - 1, -1)
        parent = self.parent[keep]
        parent = np.where(parent >= 0, number[parent], -1)
        return Joints(self.position[keep], parent, self.lobe[keep], self.supply[keep], self.flow[keep])


def connected(keep: BoolArray, parent: NDArray[np.intp]) -> BoolArray:
    """Return ``keep`` without the joints that are cut off from their root by one left out."""
    result, upstream = keep.tolist(), parent.tolist()
    for joint, before in enumerate(upstream):
        if before >= 0:
            result[joint] = result[joint] and result[before]
    return np.array(result, bool)


def smoothed(joints: Joints, lung_map: LungMap) -> Joints:
    """Straighten the ways through the joints; tips and trunks stay, and no joint leaves its lobe."""
    hanging = joints.hanging
    parent, flow = joints.parent[hanging], joints.flow[hanging]
    weight = np.bincount(parent, flow, len(joints.parent))
    free = np.flatnonzero((joints.lobe > 0) & (weight > 0) & (joints.parent >= 0))
    position = joints.position.astype(np.float64)
    for _ in range(_SMOOTHING_PASSES):
        ahead = np.stack(
            [np.bincount(parent, flow * position[hanging, axis], len(position)) for axis in range(3)], axis=1
        )
        middle = (position[joints.parent[free]] + ahead[free] / weight[free, None]) / 2
        position[free] = (position[free] + middle) / 2
    return _moved(joints, free, position[free].astype(np.float32), lung_map)


def bent(joints: Joints) -> Joints:
    """Put one more joint into each branch of a lobe, on a curve that leaves its ends along the vessel's way.

    The middle of a cubic Hermite curve: main branches go on smoothly, side branches leave straight. Trunks
    keep their joints and numbers.
    """
    hanging, count = np.flatnonzero((joints.parent >= 0) & (joints.lobe > 0)), len(joints.parent)
    # The middle of a branch comes directly before its end, so that parents stay in front.
    number = np.arange(count) + np.cumsum((joints.parent >= 0) & (joints.lobe > 0))
    total = count + len(hanging)
    between = number[hanging] - 1
    position, parent = np.empty((total, 3), np.float32), np.full(total, -1, np.intp)
    position[number], position[between] = joints.position, _middles(joints, hanging)
    parent[number] = np.where(joints.parent >= 0, number[joints.parent], -1)
    parent[number[hanging]], parent[between] = between, parent[number[hanging]]
    source = np.empty(total, np.intp)
    source[number], source[between] = np.arange(count), hanging
    # What a branch supplies, it supplies at its end.
    supply = np.zeros(total)
    supply[number] = joints.supply
    return Joints(position, parent, joints.lobe[source], supply, joints.flow[source])


def _middles(joints: Joints, hanging: NDArray[np.intp]) -> Points:
    """The middles of the curves that end at these joints."""
    upstream = joints.parent[hanging]
    main = joints.main_branch()
    own = np.arange(len(main))
    before, after = np.where(joints.parent >= 0, joints.parent, own), np.where(main >= 0, main, own)
    tangent = unit(joints.position[after] - joints.position[before])
    chord = joints.position[hanging] - joints.position[upstream]
    leaves = np.where((main[upstream] == hanging)[:, None], tangent[upstream], unit(chord))
    length = np.linalg.norm(chord, axis=1, keepdims=True)
    middle = (joints.position[hanging] + joints.position[upstream]) / 2
    return np.asarray(middle + (leaves - tangent[hanging]) * length / 8, np.float32)


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return vectors [n, 3] of length one; those without length stay zero."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6), np.float32)


def kept_apart(joints: Joints, radius: NDArray[np.float32], others: Tree, lung_map: LungMap) -> Joints:
    """Push the joints of a tree out of the rods of others, within their lobe; tips and trunks stay.

    ``radius`` [n] is that of the branch that ends at each joint.
    """
    free = np.flatnonzero((joints.lobe > 0) & (joints.branches > 0))
    position = joints.position[free].astype(np.float64)
    obstacles = np.concatenate([others.end, (others.start + others.end) / 2]).astype(np.float64)
    thick = np.concatenate([others.radius_end, (others.radius_start + others.radius_end) / 2])
    tree = cKDTree(obstacles)
    for _ in range(_PUSHES):
        distance, nearest = tree.query(position, _NEIGHBOURS)
        lack = np.maximum(radius[free, None] + thick[nearest] + _GAP_MM - distance, 0.0)
        away = (position[:, None] - obstacles[nearest]) / np.maximum(distance, 1e-3)[..., None]
        position += (away * lack[..., None]).sum(axis=1) / np.maximum((lack > 0).sum(axis=1), 1)[:, None]
    return _moved(joints, free, position.astype(np.float32), lung_map)


def _moved(joints: Joints, free: NDArray[np.intp], position: Points, lung_map: LungMap) -> Joints:
    """Move joints that stay in their lobe, and leave the others where they are."""
    stays = (lung_map.lobe_at(position) == joints.lobe[free]) & (lung_map.depth_at(position) > _MARGIN_MM)
    result = joints.position.copy()
    result[free[stays]] = position[stays]
    return replace(joints, position=result)


def with_twigs(joints: Joints, points: Points, lobes: LabelArray, supply: NDArray[np.float64]) -> Joints:
    """Hang further supply points [n, 3] on the nearest joints of their lobe, by one straight twig each."""
    position, parent = [joints.position], [joints.parent]
    chosen = []
    for lobe in np.unique(lobes):
        own, new = np.flatnonzero(joints.lobe == lobe), np.flatnonzero(lobes == lobe)
        _, nearest = cKDTree(joints.position[own]).query(points[new])
        position.append(points[new])
        parent.append(own[nearest])
        chosen.append(new)
    order = np.concatenate(chosen)
    return Joints.supplied(
        np.concatenate(position),
        np.concatenate(parent),
        np.concatenate([joints.lobe, lobes[order]]),
        np.concatenate([joints.supply, supply[order]]),
    )


def as_tree(joints: Joints, radius: NDArray[np.float32]) -> Tree:
    """Return the branches between the joints as rods; ``radius`` [n] is that of the branch that ends there.

    Branches without flow are left out.
    """
    flowing = joints.flow > 0
    joints, radius = joints.subset(flowing), radius[flowing]
    hanging = joints.hanging
    upstream = joints.parent[hanging]
    segment = np.full(len(joints.parent), -1, np.int32)
    segment[hanging] = np.arange(len(hanging))
    tip = joints.branches[hanging] == 0
    own = radius[hanging]
    begins = np.maximum(np.minimum(radius[upstream], own * np.float32(_FUNNEL)), own)
    return Tree(
        start=joints.position[upstream],
        end=joints.position[hanging],
        radius_start=np.where(joints.parent[upstream] >= 0, begins, own).astype(np.float32),
        radius_end=np.where(tip, own * np.float32(_TIP), own).astype(np.float32),
        lobe=joints.lobe[hanging],
        terminal=tip,
        generation=_generations(joints)[hanging],
        parent=segment[upstream],
    )


def _generations(joints: Joints) -> NDArray[np.int32]:
    """Branchings between the root and the branch that ends at each joint."""
    branching, upstream = (joints.branches > 1).tolist(), joints.parent.tolist()
    result = [0] * len(upstream)
    for joint, before in enumerate(upstream):
        if before >= 0:
            result[joint] = result[before] + branching[before]
    return np.array(result, np.int32)
