"""The large vessels and bronchi between the heart and the lobes, as they leave the hilum.

Offsets are given for lungs of common size in the frame of the hilum, from the midline to the side, to
posterior and to cranial, in mm, after the usual anatomy of the hila: on the right the upper trunk leaves
before the interlobar artery, which runs down beside the intermediate bronchus; on the left the artery arches
over the main bronchus and comes down behind it. Two veins on each side run in front of and below the arteries
to the left atrium: the upper drains the upper lobe and middle lobe or lingula, the lower the lower lobe.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diagnosis.phantom.lung_map import LungMap, Point, Points
from diagnosis.results import LEFT_LUNG, RIGHT_LUNG

RIGHT_UPPER, MIDDLE, RIGHT_LOWER, LEFT_UPPER, LEFT_LOWER = 1, 2, 3, 4, 5
LOBES: Mapping[int, tuple[int, ...]] = {
    RIGHT_LUNG: (RIGHT_UPPER, MIDDLE, RIGHT_LOWER),
    LEFT_LUNG: (LEFT_UPPER, LEFT_LOWER),
}
_COMMON_LUNG_ML = 2300.0
"""Of one lung at the inspiration the offsets are given for."""


@dataclass(frozen=True, slots=True)
class Joint:
    """A place of a trunk: where it hangs, where it lies, which lobes branch off there, and its bronchus."""

    parent: int
    vessel: Point
    lobes: tuple[int, ...] = ()
    bronchus: Point | None = None


ARTERIES: Mapping[int, Sequence[Joint]] = {
    RIGHT_LUNG: (
        Joint(-1, (-26.0, -12.0, 0.0), bronchus=(0.0, 0.0, 0.0)),
        Joint(0, (5.0, -11.0, 6.0), (RIGHT_UPPER,), (2.0, 4.0, 3.0)),
        Joint(1, (14.0, -8.0, 22.0), (RIGHT_UPPER,), (9.0, 4.0, 20.0)),
        Joint(1, (16.0, -4.0, -10.0), (MIDDLE,), (3.0, 4.0, -13.0)),
        Joint(3, (20.0, 4.0, -28.0), (MIDDLE, RIGHT_LOWER), (7.0, 8.0, -28.0)),
        Joint(4, (20.0, 14.0, -46.0), (RIGHT_LOWER,), (10.0, 16.0, -46.0)),
    ),
    LEFT_LUNG: (
        Joint(-1, (-26.0, -10.0, 8.0), bronchus=(0.0, 0.0, 0.0)),
        Joint(0, (4.0, 4.0, 15.0), (LEFT_UPPER,), (4.0, -3.0, 1.0)),
        Joint(1, (12.0, 2.0, 27.0), (LEFT_UPPER,), (12.0, -7.0, 18.0)),
        Joint(1, (12.0, 13.0, -6.0), (LEFT_LOWER,), (3.0, 1.0, -9.0)),
        Joint(3, (16.0, 15.0, -24.0), (LEFT_UPPER, LEFT_LOWER), (6.0, 6.0, -25.0)),
        Joint(4, (18.0, 19.0, -42.0), (LEFT_LOWER,), (8.0, 14.0, -42.0)),
    ),
}
VEINS: Mapping[int, Sequence[Joint]] = {
    RIGHT_LUNG: (
        Joint(-1, (-28.0, -8.0, -34.0)),
        Joint(0, (2.0, -17.0, -16.0), (MIDDLE,)),
        Joint(1, (15.0, -24.0, 2.0), (RIGHT_UPPER,)),
        Joint(2, (22.0, -22.0, 20.0), (RIGHT_UPPER,)),
        Joint(1, (12.0, -22.0, -28.0), (MIDDLE,)),
        Joint(-1, (-28.0, 2.0, -40.0)),
        Joint(5, (-4.0, 18.0, -42.0), (RIGHT_LOWER,)),
        Joint(6, (4.0, 30.0, -56.0), (RIGHT_LOWER,)),
    ),
    LEFT_LUNG: (
        Joint(-1, (-28.0, -6.0, -30.0)),
        Joint(0, (2.0, -17.0, -10.0), (LEFT_UPPER,)),
        Joint(1, (12.0, -19.0, 6.0), (LEFT_UPPER,)),
        Joint(2, (20.0, -20.0, 22.0), (LEFT_UPPER,)),
        Joint(1, (14.0, -22.0, -24.0), (LEFT_UPPER,)),
        Joint(-1, (-28.0, 2.0, -38.0)),
        Joint(5, (-4.0, 20.0, -42.0), (LEFT_LOWER,)),
        Joint(6, (4.0, 29.0, -56.0), (LEFT_LOWER,)),
    ),
}


@dataclass(frozen=True, slots=True)
class Trunk:
    """The joints of one side's trunks in patient mm, each after its parent."""

    position: Points
    parent: NDArray[np.intp]
    path_mm: NDArray[np.float32]
    """Along the trunk from its root [n]."""
    lobes: tuple[tuple[int, ...], ...]

    def leading_to(self, lobe: int) -> NDArray[np.intp]:
        """Return the numbers of the joints where branches to a lobe may leave."""
        return np.array([number for number, lobes in enumerate(self.lobes) if lobe in lobes], np.intp)


def trunk_of(joints: Sequence[Joint], side: int, lung_map: LungMap) -> Trunk:
    """Return the trunks of one side, fitted to the size of the lung."""
    position = _placed([joint.vessel for joint in joints], side, lung_map)
    parent = np.array([joint.parent for joint in joints], np.intp)
    path = np.zeros(len(joints), np.float32)
    for number, joint in enumerate(joints):
        if joint.parent >= 0:
            step = position[number] - position[joint.parent]
            path[number] = path[joint.parent] + np.linalg.norm(step)
    return Trunk(position, parent, path, tuple(joint.lobes for joint in joints))


def bronchi_of(joints: Sequence[Joint], side: int, lung_map: LungMap) -> Points:
    """Return the bronchus beside each joint of the arteries, ``[n, 3]``. ValueError where one has none."""
    offsets = [joint.bronchus for joint in joints if joint.bronchus is not None]
    if len(offsets) != len(joints):
        raise ValueError("only arteries have a bronchus at every joint")
    return _placed(offsets, side, lung_map)


def _placed(offsets: Sequence[Point], side: int, lung_map: LungMap) -> Points:
    outward = -1.0 if side == RIGHT_LUNG else 1.0
    volume_ml = float(np.isin(lung_map.lobes, LOBES[side]).sum()) * lung_map.step_mm**3 / 1000.0
    scale = float(np.clip((volume_ml / _COMMON_LUNG_ML) ** (1 / 3), 0.7, 1.3))
    hilum = np.array(lung_map.hilum_mm[side])
    return np.asarray(hilum + np.array(offsets) * [outward * scale, scale, scale], np.float32)
