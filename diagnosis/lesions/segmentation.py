"""Lesions by type on the series grid, from a network that was trained for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from diagnosis.lesions.answer import FULL, Reading
from diagnosis.preprocessing.network_grid import Box, cropped_affine
from diagnosis.preprocessing.resampling import Positions, positions_in, sample_linear
from diagnosis.regions import LESION_REGION_ML
from diagnosis.results import EFFUSION, INFECTED_VALUES, LESIONS
from diagnosis.run_clock import Progress
from diagnosis.volume import BoolArray, CTVolume, LabelArray, voxel_ml_of
from diagnosis.weight_files import Header, required, shipped

Method = Literal["automatic", "network", "unet3d"]
METHODS: tuple[Method, ...] = get_args(Method)
LESION_WEIGHTS = "lesions"
PAPER_WEIGHTS = "lesions-unet3d"

INFECTION_THRESHOLD = 0.4
"""Chosen on phantoms. Weights may name their own as ``config.infection_threshold``."""
SPREAD_THRESHOLDS = (0.25, 0.4, 0.6)
"""Thresholds at which the infected part is also given: how far it depends on the choice."""

_HARDLY_TOLD_DICE = 0.2
"""A type below this on the phantoms of the weights' own validation is not told from the others."""
_MARGIN_MM = 30.0
"""Chest wall, diaphragm and effusion around the lungs that a network gets to see."""
_FLUID_HU = -200
"""What is emptier than this outside the lungs is no effusion."""
_SMALLEST_EFFUSION_ML = 40.0
"""Less is not told from pleura, muscle and stomach beside the lung."""
_SLAB = 16


@dataclass(frozen=True, slots=True)
class Lesions:
    """``labels``: uint8 ``[z, y, x]`` on the series grid, values of `diagnosis.results.LESIONS`: 1-4, 11 and
    13 inside the lungs, 10 next to them, never 12 (emphysema is not looked for).

    ``infection`` is the probability of infection inside the lungs, 0..255 for 0..1. ``percent_at`` gives the
    infected percent of the lungs for each of `SPREAD_THRESHOLDS`.
    """

    labels: LabelArray
    method: Method
    version: str
    threshold: float
    infection: LabelArray
    percent_at: Mapping[float, float]
    warnings: tuple[str, ...] = ()


def segment_lesions(
    volume: CTVolume,
    lungs: LabelArray,
    method: Method = "automatic",
    progress: Progress = lambda done: None,
) -> Lesions | None:
    """Find lesions in and next to the lungs (uint8 ``[z, y, x]``, 1 right, 2 left; not empty).

    "automatic" takes the fast network when its weights are present and otherwise gives None. "network" asks
    for it; "unet3d" for the paper's 3-D U-Net (Berenguer et al., 2020), which knows infections only. Raises
    RefusedInput (``no_weights``, ``bad_weights``) and what ``progress`` raises.
    """
    if method == "automatic" and shipped(LESION_WEIGHTS) is None:
        return None
    box = _around(lungs, volume.spacing_mm)
    if method == "unet3d":
        weights = required(PAPER_WEIGHTS, "3-D lesion network")
    else:
        method, weights = "network", required(LESION_WEIGHTS, "lesion network")
    from diagnosis.lesions import reading  # torch: seconds to import, which whoever has no weights is spared

    if method == "unet3d":
        read, header = reading.read_with_paper_unet(weights, volume, box, progress)
    else:
        read, header = reading.read_with_unet(weights, volume, box, lungs, progress)
    return _on_series(read, volume, lungs, box, method, header)


def _threshold(header: Header) -> float:
    config: Mapping[str, Any] = header.get("config", {})
    return float(config.get("infection_threshold", INFECTION_THRESHOLD))


def _around(lungs: LabelArray, spacing_mm: tuple[float, float, float]) -> Box:
    found = ndimage.find_objects((lungs > 0).astype(np.uint8))[0]
    z, y, x = (
        slice(max(0, part.start - round(_MARGIN_MM / step)), min(size, part.stop + round(_MARGIN_MM / step)))
        for part, step, size in zip(found, spacing_mm, lungs.shape, strict=True)
    )
    return z, y, x


def _on_series(
    reading: Reading, volume: CTVolume, lungs: LabelArray, box: Box, method: Method, header: Header
) -> Lesions:
    """Bring the reading back to the series grid, slab by slab.

    The probability is raised linearly, so that outlines are smooth; types and the rest take the nearest.
    """
    threshold = _threshold(header)
    part = cropped_affine(volume.affine, box)
    positions = positions_in(reading.affine, part, lungs[box].shape)
    lung_here = _nearest(lungs, positions_in(volume.affine, reading.affine, reading.other.shape)) > 0
    effusion = _beside(reading, lung_here)
    labels, infection = np.zeros_like(lungs), np.zeros_like(lungs)
    for start in range(0, len(positions[0]), _SLAB):
        here = (slice(box[0].start + start, min(box[0].start + start + _SLAB, box[0].stop)), *box[1:])
        near = (positions[0][start : start + _SLAB], *positions[1:])
        lung = lungs[here] > 0
        infection[here] = np.where(lung, _sampled(reading.infection, near), 0)
        kind, other = _nearest(reading.kind, near), _nearest(reading.other, near)
        infected = lung & (infection[here] >= threshold * FULL)
        labels[here] = np.where(infected, kind, np.where(lung & (other != EFFUSION), other, 0))
        fluid = ~lung & _nearest(effusion, near).astype(bool) & (volume.hu[here] > _FLUID_HU)
        labels[here][fluid] = EFFUSION
    _drop_specks(labels[box], infection[box], threshold, volume.voxel_ml)
    return Lesions(
        labels=labels,
        method=method,
        version=header["version"],
        threshold=threshold,
        infection=infection,
        percent_at=_percent_at(infection, lungs),
        warnings=tuple(_weaknesses(header)),
    )


def _weaknesses(header: Header) -> list[str]:
    """What these weights can not tell, by their own validation: 0 ml must not read as a finding."""
    metrics: Mapping[str, float] = header.get("metrics", {})
    poor = [
        value
        for value, name in LESIONS.items()
        if metrics.get(f"{name.replace(' ', '_')}_dice", 1.0) < _HARDLY_TOLD_DICE
    ]
    types = [LESIONS[value] for value in poor if value in INFECTED_VALUES]
    others = [LESIONS[value] for value in poor if value not in INFECTED_VALUES]
    sentences = []
    if types:
        sentences.append(
            f"This lesion network hardly tells {' and '.join(types)} from other infection types: "
            "the infected volume is measured, its types are a hint."
        )
    if others:
        sentences.append(f"This lesion network hardly finds {' or '.join(others)}: none found means nothing.")
    return sentences


def _sampled(values: LabelArray, positions: Positions) -> LabelArray:
    z, y, x = positions
    first = max(0, int(np.floor(z[0])))
    last = min(len(values), int(np.ceil(z[-1])) + 2)
    first = min(first, last - 1)
    linear = sample_linear(values[first:last].astype(np.float32), (z - first, y, x))
    return np.rint(linear).astype(np.uint8)


def _nearest(values: LabelArray | BoolArray, positions: Positions) -> LabelArray:
    return np.asarray(values[np.ix_(*_indices(values.shape, positions))], dtype=np.uint8)


def _indices(shape: tuple[int, ...], positions: Positions) -> list[NDArray[np.intp]]:
    return [
        np.clip(np.floor(along + 0.5).astype(np.intp), 0, size - 1)
        for along, size in zip(positions, shape, strict=True)
    ]


def _drop_specks(labels: LabelArray, infection: LabelArray, threshold: float, voxel_ml: float) -> None:
    """Take out what is too small to be a region, and hold its probability just below the threshold.

    So the infected volume is that of the regions a reader can judge. Changes both arrays.
    """
    pieces, count = ndimage.label((labels >= INFECTED_VALUES[0]) & (labels <= INFECTED_VALUES[-1]))
    small = np.bincount(pieces.ravel(), minlength=count + 1) * voxel_ml < LESION_REGION_ML
    small[0] = False
    specks = small[pieces]
    labels[specks] = 0
    infection[specks] = int(np.ceil(threshold * FULL)) - 1


def _beside(reading: Reading, lung: BoolArray) -> BoolArray:
    """Effusion on the network's grid that touches a lung and is more than a few specks."""
    pieces, count = ndimage.label((reading.other == EFFUSION) & ~lung)
    sizes = np.bincount(pieces.ravel(), minlength=count + 1) * voxel_ml_of(reading.affine)
    touching = np.zeros(count + 1, dtype=bool)
    touching[pieces[ndimage.binary_dilation(lung, ndimage.generate_binary_structure(3, 1))]] = True
    touching[0] = False
    return np.asarray((touching & (sizes >= _SMALLEST_EFFUSION_ML))[pieces])


def _percent_at(infection: LabelArray, lungs: LabelArray) -> dict[float, float]:
    counts = np.bincount(infection[lungs > 0], minlength=FULL + 1)
    total = float(counts.sum())
    return {
        threshold: 100.0 * float(counts[int(np.ceil(threshold * FULL)) :].sum()) / total
        for threshold in SPREAD_THRESHOLDS
    }
