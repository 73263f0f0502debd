"""Trachea and main bronchi: found as a chain of round air spots, grown until they would leak."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from diagnosis.lungs.morphology import Spacing, ball, bounding_box, dilated, opened
from diagnosis.volume import BoolArray, FloatArray

_AREA_MM2 = (60.0, 900.0)
_MIDLINE_MM = 45.0
_LUMEN_HU = -880.0
_SHORTEST_MM = 18.0
_LADDER_HU = tuple(range(-990, -829, 10))
_LARGEST_ML = 160.0
_LEAP = 1.5
_LEAP_ML = 15.0
_WALL_MM = 2.1
_TRUNK_MM = 3.0


def airways(hu: FloatArray, body: BoolArray, air: BoolArray, spacing_mm: Spacing) -> BoolArray:
    """Return trachea and main bronchi with a thin rim for their walls; empty when no trachea is seen.

    ``air`` is the air inside the body. The lumen is grown at rising thresholds from the trachea; the last
    threshold before the volume leaps (a leak into the lung) is taken. Branches thinner than a main
    bronchus stay with the lungs.
    """
    trachea = _trachea(hu, body, air, spacing_mm)
    if not trachea.any():
        return trachea
    voxel_ml = float(np.prod(spacing_mm)) / 1000.0
    best = trachea
    for threshold in _LADDER_HU:
        labels, _ = ndimage.label((hu < threshold) & air | trachea)
        grown = labels == np.bincount(labels[trachea]).argmax()
        volume, before = float(grown.sum()) * voxel_ml, float(best.sum()) * voxel_ml
        if volume > _LARGEST_ML or (volume > _LEAP * before and volume > before + _LEAP_ML):
            break
        best = grown | trachea
    box = bounding_box(best, margin=4)
    trunk = opened(best[box], ball(spacing_mm, _TRUNK_MM)) | trachea[box]
    result = np.zeros_like(best)
    result[box] = dilated(trunk, ball(spacing_mm, max(_WALL_MM, min(spacing_mm[1:]))))
    return result


def _trachea(hu: FloatArray, body: BoolArray, air: BoolArray, spacing_mm: Spacing) -> BoolArray:
    spots = np.zeros(air.shape, dtype=bool)
    for index in range(len(air)):
        if body[index].any():
            spots[index] = _round_spots(hu[index], air[index], _middle_x(body[index]), spacing_mm)
    labels, count = ndimage.label(spots)
    if not count:
        return spots
    boxes = ndimage.find_objects(labels)
    lengths = [(box[0].stop - box[0].start) * spacing_mm[0] for box in boxes]
    longest = int(np.argmax(lengths))
    if lengths[longest] < _SHORTEST_MM:
        return np.zeros_like(spots)
    return np.asarray(labels == longest + 1)


def _middle_x(body: BoolArray) -> float:
    columns = np.flatnonzero(body.any(axis=0))
    return float(columns[0] + columns[-1]) / 2


def _round_spots(image: FloatArray, air: BoolArray, middle_x: float, spacing_mm: Spacing) -> BoolArray:
    labels, count = ndimage.label(air)
    spots = np.zeros(air.shape, dtype=bool)
    pixel_mm2 = spacing_mm[1] * spacing_mm[2]
    areas = np.bincount(labels.ravel(), minlength=count + 1) * pixel_mm2
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        height, width = (
            (part.stop - part.start) * step for part, step in zip(box, spacing_mm[1:], strict=True)
        )
        centre = (box[1].start + box[1].stop - 1) / 2
        spot = labels[box] == number
        if (
            _AREA_MM2[0] <= areas[number] <= _AREA_MM2[1]
            and max(height, width) <= 2.2 * min(height, width)
            and areas[number] >= 0.55 * height * width
            and abs(centre - middle_x) * spacing_mm[2] <= _MIDLINE_MM
            and float(np.median(image[box][spot])) <= _LUMEN_HU
        ):
            spots[box] |= spot
    return spots
