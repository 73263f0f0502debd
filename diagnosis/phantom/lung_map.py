"""A coarse map of a patient's lungs that does not depend on the voxel grid: where trees may grow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from diagnosis.volume import LabelArray

Point = tuple[float, float, float]
"""x, y, z in patient mm."""
Points = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class LungMap:
    """Lobes (1..5) and depth below the lung's surface in mm, ``[z, y, x]`` in cubes of ``step_mm``.

    ``first_mm`` (x, y, z) is the centre of the first cube. ``hilum_mm`` gives for 1 right and 2 left where
    arteries and bronchi enter.
    """

    lobes: LabelArray
    depth_mm: NDArray[np.float32]
    first_mm: Point
    step_mm: float
    hilum_mm: Mapping[int, Point]
    carina_mm: Point
    trachea_top_mm: Point

    def lobe_at(self, points: Points) -> LabelArray:
        """Return the lobe (0 outside) at points ``[n, 3]`` (x, y, z mm): the nearest cube's."""
        index = np.rint(self._index(points)).astype(np.intp)
        inside = np.all((index >= 0) & (index < np.array(self.lobes.shape)[:, None]), axis=0)
        z, y, x = np.where(inside, index, 0)
        return np.where(inside, self.lobes[z, y, x], 0).astype(np.uint8)

    def depth_at(self, points: Points) -> NDArray[np.float32]:
        """Return the depth inside the lung in mm at points ``[n, 3]`` (x, y, z mm), negative outside."""
        index = self._index(points)
        return np.asarray(ndimage.map_coordinates(self.depth_mm, index, order=1, mode="nearest"), np.float32)

    def _index(self, points: Points) -> NDArray[np.float64]:
        return ((np.asarray(points, np.float64) - self.first_mm) / self.step_mm)[:, ::-1].T
