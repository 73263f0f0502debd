"""Which air is right lung, which left lung, which neither: bowel and stomach gas, table, other cavities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from diagnosis.lungs.morphology import Spacing, ball, bounding_box, dilated, eroded
from diagnosis.results import LEFT_LUNG, RIGHT_LUNG
from diagnosis.volume import BoolArray, FloatArray, LabelArray

_CORE_MM = (2.0, 3.0, 4.5, 6.0, 8.0)
_CORE_ML = 2.0
_GAS_HU = -950.0
_GAS_CONTRAST_HU = 45.0
_EMPTY_HU = -975.0
_SHARED_PART = 0.12
_NEITHER = 3


@dataclass(frozen=True, slots=True)
class _Core:
    label: int
    volume_ml: float
    median_hu: float
    right_part: float
    """Share of its voxels on the patient's right of the midline."""


def split_sides(hu: FloatArray, air: BoolArray, middle_x: float, spacing_mm: Spacing) -> LabelArray:
    """Return uint8 labels (1 right, 2 left) of the lungs among the ``air`` inside the body.

    The air is eroded until no core lies on both sides of ``middle_x``; the cores are named by side, gas
    that is much emptier than the lungs is set aside, and all grow back at the same pace. So lungs that
    touch at the anterior junction, and a colon that touches the lung, part where they are thinnest.
    """
    for radius in _CORE_MM:
        inner = eroded(air, ball(spacing_mm, max(radius, *spacing_mm[1:])))
        labels, cores = _cores(inner, hu, middle_x, spacing_mm)
        if not any(_SHARED_PART < core.right_part < 1 - _SHARED_PART for core in _lung_like(cores)):
            break
    seeds = np.zeros(len(np.bincount(labels.ravel())), dtype=np.uint8)
    lungs = _lung_like(cores)
    for core in cores:
        seeds[core.label] = _NEITHER
    for core in lungs:
        seeds[core.label] = RIGHT_LUNG if core.right_part >= 0.5 else LEFT_LUNG
    marked = seeds[labels]
    for core in lungs:
        if _SHARED_PART < core.right_part < 1 - _SHARED_PART:
            _cut_at_midline(marked, labels == core.label, middle_x)
    grown = _grow(marked, air)
    grown[grown == _NEITHER] = 0
    return grown


def _cores(
    inner: BoolArray, hu: FloatArray, middle_x: float, spacing_mm: Spacing
) -> tuple[NDArray[np.int32], list[_Core]]:
    labels, _ = ndimage.label(inner)
    voxel_ml = float(np.prod(spacing_mm)) / 1000.0
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    boxes = ndimage.find_objects(labels)
    cores = []
    for label in np.flatnonzero(sizes * voxel_ml >= _CORE_ML):
        box = boxes[label - 1]
        inside = labels[box] == label
        x = np.nonzero(inside)[2] + box[2].start
        cores.append(
            _Core(
                label=int(label),
                volume_ml=float(sizes[label]) * voxel_ml,
                median_hu=float(np.median(hu[box][inside])),
                right_part=float((x < middle_x).mean()),
            )
        )
    return labels, cores


def _lung_like(cores: list[_Core]) -> list[_Core]:
    """The largest core that is not plain air tells how dense the lungs are; much emptier ones are gas."""
    filled = [core for core in cores if core.median_hu > _EMPTY_HU]
    if not filled:
        return []
    main = max(filled, key=lambda core: core.volume_ml)
    return [
        core
        for core in filled
        if core.median_hu > _GAS_HU
        or core.median_hu > main.median_hu - _GAS_CONTRAST_HU
        or core.volume_ml > 0.5 * main.volume_ml
    ]


def _cut_at_midline(marked: LabelArray, core: BoolArray, middle_x: float) -> None:
    """Last resort for lungs that are joined more than a centimetre thick."""
    cut = int(np.ceil(middle_x))
    marked[..., :cut][core[..., :cut]] = RIGHT_LUNG
    marked[..., cut:][core[..., cut:]] = LEFT_LUNG


def _grow(marked: LabelArray, air: BoolArray) -> LabelArray:
    """Grow all labels at the same pace within the air until nothing is left to reach."""
    if not marked.any():
        return marked
    box = bounding_box(air)
    grown, room = marked[box].copy(), air[box]
    cross = ndimage.generate_binary_structure(3, 1)
    changed = True
    while changed:
        changed = False
        for label in (RIGHT_LUNG, LEFT_LUNG, _NEITHER):
            fresh = dilated(grown == label, cross) & room & (grown == 0)
            if fresh.any():
                grown[fresh] = label
                changed = True
    result = np.zeros_like(marked)
    result[box] = grown
    return result
