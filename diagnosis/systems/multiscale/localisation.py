"""What is salient in the slices of a scan, as boxes, regions and infected lung (Hu et al., 2020)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diagnosis.components import SeriesGrid, as_region, components, ordered
from diagnosis.lungs.morphology import bounding_box
from diagnosis.lungs.series_grid import nearest_on
from diagnosis.preprocessing.resampling import positions_in, sample_linear
from diagnosis.quantification.measuring import quantify
from diagnosis.results import Heatmap, Quantification, Region
from diagnosis.systems.interface import Case
from diagnosis.systems.multiscale.explanation import boxes_around, salient
from diagnosis.systems.multiscale.preprocessing import NetworkInput
from diagnosis.systems.multiscale.spec import CLASSES, NP
from diagnosis.volume import Affine, BoolArray, FloatArray

SMALLEST_ML = 0.5
"""Of a region: a box in a single slice may be thin."""
_DISEASED = 0.5
"""1 - P(NP) of a slice from which on what stands out in it is taken for disease: something always does."""


@dataclass(frozen=True, slots=True)
class Saliency:
    """``values`` float32 ``[n, y, x]``: blurred joint saliency, 0 in slices that were not looked at.

    ``infected`` and ``boxes`` are bool and hold, in diseased slices only, what stands out inside the lungs
    and the boxes around it.
    """

    values: FloatArray
    infected: BoolArray
    boxes: BoolArray


def diseased_slices(probabilities: NDArray[np.float64]) -> BoolArray:
    """Return which slices ``[n, classes]`` are taken as diseased."""
    return np.asarray(1 - probabilities[:, CLASSES.index(NP)] >= _DISEASED)


def gathered(
    found: Iterable[tuple[int, FloatArray]], count: int, shown: NetworkInput, diseased: BoolArray,
    drawn: Callable[[FloatArray, float], None],
) -> Saliency:  # fmt: skip
    """Put ``count`` slices together as they come.

    After each of them ``drawn`` gets the saliency of all slices ``[n, y, x]``, 0 where it is still to come,
    and the finished part; it may raise to stop the work.
    """
    inside = shown.image[1] > 0
    values = np.zeros(inside.shape, np.float32)
    infected, boxes = np.zeros(inside.shape, bool), np.zeros(inside.shape, bool)
    for done, (index, smooth) in enumerate(found, start=1):
        values[index] = smooth
        if diseased[index]:
            infected[index] = salient(smooth) & inside[index]
            for box in boxes_around(infected[index]):
                boxes[index][box] = True
        drawn(values, done / count)
    return Saliency(values, infected, boxes)


def regions_in_boxes(boxes: BoolArray, joint: Heatmap, case: Case) -> list[Region]:
    """Return the lung inside boxes ``[n, y, x]`` on the grid of ``joint``; boxes that touch are one region.

    Their evidence is that of the joint saliency.
    """
    within = _on_series_grid(boxes, joint.affine, case)
    if not within.any():
        return []
    box = bounding_box(within)
    z, y, x = positions_in(joint.affine, case.volume.affine, case.volume.shape)
    values = sample_linear(joint.values, (z[box[0]], y[box[1]], x[box[2]])) / np.float32(joint.reference)
    grid = SeriesGrid(case.lungs, None, case.volume.affine)
    parts = components(within[box], box, grid, SMALLEST_ML, evidence=values)
    return [as_region(place, part, grid, joint.class_name) for place, part in enumerate(ordered(parts), 1)]


def infected_lung(infected: BoolArray, affine: Affine, case: Case) -> Quantification:
    """Measure what is salient, bool ``[n, y, x]`` on the grid of ``affine``, as infected part of lungs."""
    return quantify(_on_series_grid(infected, affine, case), case.lungs, case.volume.voxel_ml, "saliency")


def _on_series_grid(mask: BoolArray, affine: Affine, case: Case) -> BoolArray:
    """A mask of the input inside the lungs of the series."""
    on_series = nearest_on(mask, affine, case.volume.affine, case.volume.shape)
    return np.asarray((on_series > 0) & (case.lungs > 0))
