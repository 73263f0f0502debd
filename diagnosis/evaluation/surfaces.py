"""How far apart the surfaces of two masks lie, in mm, on voxels that need not be cubes.

A surface is made of the mask's voxels that have a neighbour (of 6) outside the mask or outside the volume;
its points are their centres. Distances are exact (nearest surface voxel of the other mask by a k-d tree,
which gives what a Euclidean distance transform gives for a seventh of the time).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, spatial

from diagnosis.evaluation.cases import Numbers
from diagnosis.volume import BoolArray

Spacing = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class SurfaceDistances:
    """Distances in mm from every surface voxel to the other surface, and what is read from them."""

    predicted_to_truth: Numbers
    truth_to_predicted: Numbers

    @property
    def mean(self) -> float:
        """Average symmetric surface distance: the mean over the voxels of both surfaces."""
        return float(np.concatenate([self.predicted_to_truth, self.truth_to_predicted]).mean())

    @property
    def hausdorff_95(self) -> float:
        """The larger of the two directed 95th percentiles (as MONAI and DeepMind's surface-distance do)."""
        return float(max(np.percentile(way, 95) for way in self._ways))

    @property
    def hausdorff(self) -> float:
        """The largest distance of all."""
        return float(max(way.max() for way in self._ways))

    def surface_dice(self, tolerance_mm: float) -> float:
        """Return the normalised surface Dice: the share of both surfaces within the tolerance of the other.

        Nikolov et al., J Med Internet Res 2021, with every surface voxel of equal weight.
        """
        near = sum(int((way <= tolerance_mm).sum()) for way in self._ways)
        return near / sum(len(way) for way in self._ways)

    @property
    def _ways(self) -> tuple[Numbers, Numbers]:
        return self.predicted_to_truth, self.truth_to_predicted


def surface_distances(predicted: BoolArray, truth: BoolArray, spacing_mm: Spacing) -> SurfaceDistances | None:
    """Return the distances between the surfaces of two masks ``[z, y, x]``; None when a mask is empty.

    ``spacing_mm`` is the distance of voxel centres along z, y, x. Raises ValueError for different grids and
    for spacings that are not above 0.
    """
    if predicted.shape != truth.shape:
        raise ValueError(f"The prediction {predicted.shape} and the truth {truth.shape} are not on one grid.")
    if not min(spacing_mm) > 0:
        raise ValueError("The spacing must be above 0 along every axis.")
    found, true = _surface_points(predicted, spacing_mm), _surface_points(truth, spacing_mm)
    if not len(found) or not len(true):
        return None
    return SurfaceDistances(
        predicted_to_truth=spatial.KDTree(true).query(found)[0],
        truth_to_predicted=spatial.KDTree(found).query(true)[0],
    )


def _surface_points(mask: BoolArray, spacing_mm: Spacing) -> Numbers:
    """Return the surface voxels' centres as float64 ``[point, 3]`` (z, y, x) in mm from voxel (0, 0, 0)."""
    boxes = ndimage.find_objects(mask.astype(np.uint8))
    if not boxes:
        return np.zeros((0, 3))
    box = boxes[0]
    inside = mask[box].astype(bool)
    surface = inside & ~ndimage.binary_erosion(inside)
    corner = [axis.start for axis in box]
    points: Numbers = (np.argwhere(surface) + corner) * np.asarray(spacing_mm)
    return points
