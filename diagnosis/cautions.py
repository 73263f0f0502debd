"""What makes the numbers of a series doubtful, in plain sentences: looked for in every run."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from diagnosis.quantification.counting import voxels_by_value
from diagnosis.results import LEFT_LUNG, RIGHT_LUNG
from diagnosis.volume import BoolArray, CTVolume, HounsfieldArray, LabelArray

METAL_HU = 2500
"""Above cortical bone (up to about 2000) and diluted contrast medium; 3071 ends the usual scale."""
METAL_ML = 0.05
_CHEST_WALL_MM = 40.0
"""Around the lungs' box: pacemakers and wires lie here, teeth and the table do not."""
CONTRAST_HU = 110.0
"""Blood without contrast medium measures 30 to 60, in a venous phase 120 and more."""
_SOFT_HU = (-20, 700)
_FEWEST_SOFT = 200
WIDE_STEP_MM = 8.0
SMALL_LUNG = 0.2
"""A lung below this part of the other is no healthy pair."""
_PADDING_HU = -1100
_EDGE_MM = 3.0
_CUT_MM = 10.0
"""Length of lung border along the edge of the image, in one slice."""
_SAMPLED_MM = 5.0
"""Neighbouring slices tell the same; every fifth millimetre is enough."""
_SIDES = ((RIGHT_LUNG, "right"), (LEFT_LUNG, "left"))

Slices = NDArray[np.intp]


def cautions(volume: CTVolume, lungs: LabelArray) -> list[str]:
    """Return a sentence for everything that speaks against trusting the measures of this series.

    ``lungs`` is uint8 ``[z, y, x]`` (1 right, 2 left) on the grid of the volume and not empty. Looks at
    lungs that are missing, small or cut by the scan or the field of view, at metal, contrast medium and
    wide steps between slices.
    """
    shown = np.flatnonzero([image.any() for image in lungs])
    sampled = shown[:: max(1, round(_SAMPLED_MM / volume.spacing_mm[0]))]
    return [
        *_missing_or_small(volume, lungs),
        *_cut_ends(lungs),
        *_cut_sides(volume, lungs, sampled),
        *_metal(volume, lungs, shown),
        *_contrast(volume, lungs, sampled),
        *_wide_steps(volume),
    ]


def _missing_or_small(volume: CTVolume, lungs: LabelArray) -> Iterator[str]:
    voxels = voxels_by_value(lungs)
    ml = {side: float(voxels[side]) * volume.voxel_ml for side, _ in _SIDES}
    largest = max(ml.values())
    for side, name in _SIDES:
        if not ml[side]:
            yield f"No {name} lung was found. Its volume and infected part are given as 0."
        elif ml[side] < SMALL_LUNG * largest:
            yield (
                f"The {name} lung measures {ml[side]:.0f} ml, the other {largest:.0f} ml: "
                "it may be removed, collapsed, full of fluid or missed."
            )


def _cut_ends(lungs: LabelArray) -> Iterator[str]:
    for image, name in ((lungs[-1], "top"), (lungs[0], "bottom")):
        if image.any():
            yield f"The lungs reach the {name} slice: the scan may not show them whole."


def _cut_sides(volume: CTVolume, lungs: LabelArray, sampled: Slices) -> Iterator[str]:
    """Lung along the edge of the image, or along the padding around the reconstructed circle."""
    _, step_y, step_x = volume.spacing_mm
    for index in sampled:
        inside = lungs[index] > 0
        outside = np.pad(volume.hu[index] < _PADDING_HU, 1, constant_values=True)
        length = sum(
            int(_meets(inside, outside, axis, round(_EDGE_MM / reach) + 1).sum()) * along
            for axis, reach, along in ((0, step_y, step_x), (1, step_x, step_y))
        )
        if length >= _CUT_MM:
            yield "The field of view cuts the lungs: what lies outside it is missing from every number."
            return


def _meets(inside: BoolArray, outside: BoolArray, axis: int, reach: int) -> BoolArray:
    """Lines along ``axis`` whose first or last lung pixel has the outside within ``reach`` pixels.

    ``outside`` has a frame of one pixel around ``inside``.
    """
    lung = inside if axis == 0 else inside.T
    beyond = outside if axis == 0 else outside.T
    lines = np.flatnonzero(lung.any(axis=0))
    first = lung[:, lines].argmax(axis=0) + 1
    last = len(lung) - lung[::-1, lines].argmax(axis=0)
    met = np.zeros(len(lines), dtype=bool)
    for step in range(1, reach + 1):
        met |= beyond[np.maximum(first - step, 0), lines + 1]
        met |= beyond[np.minimum(last + step, len(beyond) - 1), lines + 1]
    return met


def _metal(volume: CTVolume, lungs: LabelArray, shown: Slices) -> Iterator[str]:
    flat = np.any(lungs[shown[0] : shown[-1] + 1], axis=0)
    box = []
    for axis, step in ((1, volume.spacing_mm[1]), (0, volume.spacing_mm[2])):
        hit = np.flatnonzero(np.any(flat, axis=axis))
        margin = round(_CHEST_WALL_MM / step)
        box.append(slice(max(0, int(hit[0]) - margin), int(hit[-1]) + 1 + margin))
    found = sum(int((volume.hu[index][box[0], box[1]] > METAL_HU).sum()) for index in shown)
    if found * volume.voxel_ml >= METAL_ML:
        yield "There is metal or undiluted contrast medium in the chest: its streaks may count as opacity."


def _contrast(volume: CTVolume, lungs: LabelArray, sampled: Slices) -> Iterator[str]:
    """Median of the soft tissue between the lungs and before the spine: heart and great vessels."""
    samples = [
        _mediastinum(volume.hu[index], lungs[index])
        for index in sampled
        if (lungs[index] == RIGHT_LUNG).any() and (lungs[index] == LEFT_LUNG).any()
    ]
    soft = np.concatenate(samples) if samples else np.zeros(0, np.int16)
    if len(soft) >= _FEWEST_SOFT and float(np.median(soft)) > CONTRAST_HU:
        yield (
            f"Contrast medium was given ({np.median(soft):.0f} HU between the lungs): bright vessels may "
            "count as opacity, and all lung reads denser."
        )


def _mediastinum(hu: HounsfieldArray, lungs: LabelArray) -> HounsfieldArray:
    """Values between the middles of both lungs, from their front to their middle, without lung and fat."""
    y = np.nonzero(lungs)[0]
    right, left = (int(np.nonzero(lungs == side)[1].mean()) for side, _ in _SIDES)
    box = (slice(int(y.min()), int(y.mean()) + 1), slice(min(right, left), max(right, left) + 1))
    values = hu[box][lungs[box] == 0]
    low, high = _SOFT_HU
    return np.asarray(values[(values > low) & (values < high)])


def _wide_steps(volume: CTVolume) -> Iterator[str]:
    step = volume.spacing_mm[0]
    if step >= WIDE_STEP_MM:
        yield f"The slices lie {step:.0f} mm apart: lesions between them are missed, all volumes are rough."
