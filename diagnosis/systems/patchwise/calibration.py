"""What is read from the validation part once both patch networks are trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from diagnosis.evaluation.operating import at_youden
from diagnosis.evaluation.predictions import truth_of
from diagnosis.preprocessing.resampling import positions_in, sample_linear
from diagnosis.results import Heatmap
from diagnosis.systems.calibrating import REFERENCE_PERCENTILE, scale_of
from diagnosis.systems.header_values import Scale, heatmap_key
from diagnosis.systems.patchwise.explanation import heatmaps
from diagnosis.systems.patchwise.network import PatchwiseNetworks
from diagnosis.systems.patchwise.preprocessing import InputSize, views_of
from diagnosis.systems.patchwise.reading import first_look, probabilities, second_look
from diagnosis.systems.patchwise.spec import ATTENTION, PROBABILITIES, SPEC
from diagnosis.systems.patchwise.training_inputs import LUNGS, study_input
from diagnosis.training.labelled import LabelledVolume
from diagnosis.volume import BoolArray, FloatArray

INFECTED_ABOVE = 0.5
"""Probability above which a patch is infected (section 2.8)."""
_EVERY = 7
"""Of the lung voxels, that many are stepped over: percentiles need no more."""
_RAW = dict.fromkeys(SPEC.heatmaps, Scale(1.0, INFECTED_ABOVE))
"""The scale of maps whose values are still to be looked at."""

Shown = tuple[str, str]


def answers(
    networks: PatchwiseNetworks, volumes: Sequence[LabelledVolume], size: InputSize, cache: Path
) -> Mapping[str, Any]:
    """Return ``operating_points`` (Youden's) and ``heatmaps`` (reference and threshold of each map).

    ``volumes`` are studies of all classes that were not trained on. Maps of patches keep the published
    threshold; the paper names none for attention.
    """
    networks.eval()
    found: list[Mapping[str, float]] = []
    values: dict[Shown, list[FloatArray]] = {shown: [] for shown in SPEC.heatmaps}
    for volume in volumes:
        probability, maps, lungs = _read(networks, volume, size, cache)
        found.append(probability)
        for heatmap in maps:
            if truth_of(heatmap.class_name, volume.class_name or ""):
                values[heatmap.class_name, heatmap.kind].append(_in_lungs(heatmap, lungs))
    return {
        "operating_points": {key: _point(key, volumes, found) for key in PROBABILITIES},
        "heatmaps": {
            heatmap_key(*shown): _scale(shown[1], np.concatenate(of)) for shown, of in values.items()
        },
    }


def _read(
    networks: PatchwiseNetworks, volume: LabelledVolume, size: InputSize, cache: Path
) -> tuple[Mapping[str, float], list[Heatmap], BoolArray]:
    views = views_of(study_input(volume, size, cache)[: LUNGS + 1], size.side)
    first = first_look(networks.diseased, views, INFECTED_ABOVE, _silent)
    second = second_look(networks.covid, views, first, _silent)
    maps = heatmaps(views, first, second, np.eye(4), _RAW)
    return probabilities(first, second, views), maps, views.image[1] > 0


def _point(key: str, volumes: Sequence[LabelledVolume], found: Sequence[Mapping[str, float]]) -> float:
    pairs = [
        (truth, one[key])
        for volume, one in zip(volumes, found, strict=True)
        if (truth := truth_of(key, volume.class_name or "")) is not None
    ]
    truths, scores = zip(*pairs, strict=True)
    point = at_youden(np.array(truths), np.array(scores))
    if point is None:
        raise ValueError("an operating point needs studies of both sides")
    return round(point.threshold, 4)


def _in_lungs(heatmap: Heatmap, lungs: BoolArray) -> FloatArray:
    """Raw values of the map at some lung voxels of the input, whose affine is that of the unit grid."""
    positions = positions_in(heatmap.affine, np.eye(4), lungs.shape)
    return sample_linear(heatmap.values, positions)[lungs][::_EVERY]


def _scale(kind: str, values: FloatArray) -> dict[str, float]:
    if kind == ATTENTION:
        return scale_of(values)
    reference = max(INFECTED_ABOVE, float(np.percentile(values, REFERENCE_PERCENTILE)))
    return {"reference": reference, "threshold": INFECTED_ABOVE / reference}


def _silent(done: float) -> None:
    """Calibration tells no progress."""
