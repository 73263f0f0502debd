"""What is read from the validation part once both patch networks are trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from diagnosis.evaluation.cases import Numbers
from diagnosis.evaluation.operating import at_youden
from diagnosis.evaluation.predictions import truth_of
from diagnosis.preprocessing.resampling import positions_in, sample_linear
from diagnosis.results import Heatmap
from diagnosis.systems.calibrating import REFERENCE_PERCENTILE, scale_of
from diagnosis.systems.header_values import Scale, heatmap_key
from diagnosis.systems.patchwise.explanation import heatmaps
from diagnosis.systems.patchwise.infected_thresholds import PUBLISHED, chosen_pair, errors_of_pairs
from diagnosis.systems.patchwise.network import PatchwiseNetworks
from diagnosis.systems.patchwise.preprocessing import views_of
from diagnosis.systems.patchwise.reading import first_look, probabilities, second_look
from diagnosis.systems.patchwise.spec import COARSE_MAP, FINE_MAP, PROBABILITIES, SPEC
from diagnosis.systems.patchwise.training import DiseasedSchedule
from diagnosis.systems.patchwise.training_inputs import LUNGS, TRUTH, study_input
from diagnosis.training.labelled import LabelledVolume
from diagnosis.volume import BoolArray, FloatArray

_EVERY = 7
"""Of the lung voxels, that many are stepped over: percentiles need no more."""
_RAW = dict.fromkeys(SPEC.heatmaps, Scale(1.0, 1.0))
"""The scale of maps whose values are still to be looked at."""

Shown = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Read:
    """What is read from a study: probabilities, raw maps, the lungs bool ``[z, y, x]`` on the grid of the
    input, and errors as `errors_of_pairs` returns them."""

    probabilities: Mapping[str, float]
    maps: Sequence[Heatmap]
    lungs: BoolArray
    errors: Numbers | None


def answers(
    networks: PatchwiseNetworks, volumes: Sequence[LabelledVolume], schedule: DiseasedSchedule, cache: Path
) -> Mapping[str, Any]:
    """Return ``operating_points`` (Youden's) and ``heatmaps`` (reference and threshold of each map).

    ``volumes`` are studies of all classes that were not trained on. The thresholds of both maps of patches
    are those from which on patches are infected, published or chosen as the schedule says; the paper names
    none for attention.
    """
    networks.eval()
    reads: list[Read] = []
    values: dict[Shown, list[FloatArray]] = {shown: [] for shown in SPEC.heatmaps}
    for volume in volumes:
        read = _read(networks, volume, schedule, cache)
        reads.append(read)
        for heatmap in read.maps:
            if truth_of(heatmap.class_name, volume.class_name or ""):
                values[heatmap.class_name, heatmap.kind].append(_in_lungs(heatmap, read.lungs))
    above = dict(zip((COARSE_MAP, FINE_MAP), chosen_pair([read.errors for read in reads]), strict=True))
    found = [read.probabilities for read in reads]
    return {
        "operating_points": {key: _point(key, volumes, found) for key in PROBABILITIES},
        "heatmaps": {
            heatmap_key(*shown): _scale(above.get(shown[1]), np.concatenate(of))
            for shown, of in values.items()
        },
    }


def _read(
    networks: PatchwiseNetworks, volume: LabelledVolume, schedule: DiseasedSchedule, cache: Path
) -> Read:
    planes = study_input(volume, schedule.size, cache)
    views = views_of(planes[: LUNGS + 1], schedule.size.side)
    first = first_look(networks.diseased, views, PUBLISHED[0], _silent)
    second = second_look(networks.covid, views, first, _silent)
    return Read(
        probabilities(first, second, views),
        heatmaps(views, first, second, np.eye(4), _RAW),
        views.image[1] > 0,
        errors_of_pairs(views, first, planes[TRUTH]) if schedule.thresholds_chosen else None,
    )


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


def _scale(above: float | None, values: FloatArray) -> dict[str, float]:
    if above is None:
        return scale_of(values)
    reference = max(above, float(np.percentile(values, REFERENCE_PERCENTILE)))
    return {"reference": reference, "threshold": above / reference}


def _silent(done: float) -> None:
    """Calibration tells no progress."""
