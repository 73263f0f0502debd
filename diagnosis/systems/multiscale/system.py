"""The multi-scale classifier as a system: probabilities, class maps, saliency, boxes of one case."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing

import numpy as np

from diagnosis.inference import loaded
from diagnosis.quantification.evidence import evidence_of_slices
from diagnosis.regions import predicted_negative, regions_of
from diagnosis.results import Heatmap, Region, SystemResult
from diagnosis.run_clock import timed
from diagnosis.systems.availability import standing_of
from diagnosis.systems.interface import Case, Progress
from diagnosis.systems.multiscale.aggregation import patient_probabilities, worst_first
from diagnosis.systems.multiscale.localisation import (
    SMALLEST_ML,
    Saliency,
    diseased_slices,
    gathered,
    infected_lung,
    regions_in_boxes,
)
from diagnosis.systems.multiscale.preprocessing import network_input
from diagnosis.systems.multiscale.reading import reader_of
from diagnosis.systems.multiscale.spec import CLASSES, COVID, DISEASES, SPEC, WEIGHTS
from diagnosis.volume import BoolArray, FloatArray
from diagnosis.weight_files import required

WORST = 10
"""Slices whose saliency is computed unless all are asked for."""
_READ = 0.3
"""Part of the work that is done once every slice was read."""


class MultiscaleSystem:
    """Tells COVID-19, community acquired pneumonia and neither apart, slice by slice."""

    spec = SPEC

    def run(self, case: Case, options: Mapping[str, str], progress: Progress) -> SystemResult:
        """Analyse one case.

        Raises RefusedInput: ``no_lungs``; ``no_weights``, ``bad_weights``; ``no_answer``.
        """
        seconds: dict[str, float] = {}
        weights = required(WEIGHTS, f"{SPEC.title} network")
        with timed(seconds, "weights"):
            reader = loaded(weights, reader_of)
        with timed(seconds, "input"):
            shown = network_input(case.volume, case.lungs, reader.size(options["slices"]))
        with timed(seconds, "slices"):
            answers = reader.answers(shown, lambda part: progress(_READ * part))
        found = patient_probabilities(answers.probabilities, share=reader.configuration.top_share)
        probabilities = {name: float(value) for name, value in zip(CLASSES, found, strict=True)}
        points = reader.configuration.operating_points
        predicted = next((name for name in DISEASES if probabilities[name] >= points[name]), None)
        heatmaps = reader.class_heatmaps(answers, shown.affine)

        order = _slices_to_explain(
            options["saliency"], worst_first(answers.probabilities).tolist(), predicted
        )
        diseased = diseased_slices(answers.probabilities)
        told = predicted or COVID

        def drawn(values: FloatArray, part: float) -> None:
            case.show(reader.joint_heatmap(told, values, shown.affine), part)
            progress(_READ + (1 - _READ) * part)

        with timed(seconds, "saliency"), closing(reader.saliencies(shown, order, told)) as found_salient:
            saliency = gathered(found_salient, len(order), shown, diseased, drawn)
        joint = reader.joint_heatmap(told, saliency.values, shown.affine)
        with timed(seconds, "regions"):
            regions = [] if predicted is None else _regions(joint, saliency, heatmaps, case, options)
            looked_at = np.isin(np.arange(len(diseased)), order)
            missing = int((diseased & ~looked_at).sum())
            quantification = None if missing else infected_lung(saliency.infected, shown.affine, case)
        progress(1.0)
        return SystemResult(
            system=SPEC.name,
            version=reader.header["version"],
            probabilities=probabilities,
            slice_evidence=evidence_of_slices(
                answers.probabilities[:, CLASSES.index(COVID)],
                shown.affine,
                case.volume.affine,
                len(case.lungs),
            ),
            heatmaps=[*heatmaps, joint] if order else heatmaps,
            regions=regions,
            quantification=quantification,
            seconds=seconds,
            warnings=_warnings(
                standing_of(reader.header).caution(SPEC.title), predicted, missing if order else 0, diseased
            ),
            operating_points=dict(points),
        )


def _slices_to_explain(option: str, worst: list[int], predicted: str | None) -> list[int]:
    """Slices whose saliency is computed, in that order."""
    if option == "all":
        return worst
    return worst[:WORST] if option == "worst" and predicted is not None else []


def _regions(
    joint: Heatmap, saliency: Saliency, heatmaps: list[Heatmap], case: Case, options: Mapping[str, str]
) -> list[Region]:
    """Regions of the predicted class, which is that of ``joint``."""
    if options["regions"] == "boxes" and options["saliency"] != "none":
        return regions_in_boxes(saliency.boxes, joint, case)
    finest = next(heatmap for heatmap in heatmaps if heatmap.class_name == joint.class_name)
    return regions_of(finest, case.lungs, case.volume.affine, SMALLEST_ML, within=case.lungs > 0)


def _warnings(caution: str | None, predicted: str | None, missing: int, diseased: BoolArray) -> list[str]:
    found = [caution] if caution else []
    if predicted is None:
        found += [predicted_negative(name) for name in DISEASES]
    if missing:
        found.append(
            f"{SPEC.title}: its infected part was not measured: {missing} of {int(diseased.sum())} diseased "
            "slices were not looked at (saliency=all looks at every slice)."
        )
    return found
