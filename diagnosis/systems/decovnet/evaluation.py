"""DeCoVNet in its evaluation: its probability, and whether it points at a lesion (Wang et al., Table V)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from diagnosis.components import centre_mm
from diagnosis.evaluation.localisation import BoxMm, Point, hit_rate, is_hit
from diagnosis.evaluation.predictions import Prediction, truth_of
from diagnosis.evaluation.report import as_json
from diagnosis.evaluation.report_tables import Table, number, share
from diagnosis.regions import regions_of_lesions
from diagnosis.results import Heatmap, Region
from diagnosis.systems.decovnet.localisation import component_response, published_localisation
from diagnosis.systems.decovnet.preprocessing import PAPER_SIZE, network_input
from diagnosis.systems.decovnet.reading import torch_reader
from diagnosis.systems.decovnet.spec import CLASS_NAME
from diagnosis.systems.evaluating import OwnReport, Reading
from diagnosis.systems.interface import Case
from diagnosis.volume import LabelArray

CAM, COMPONENTS, BOTH, CHANCE = "hit by CAM", "hit by 3DCC", "hit by CAM + 3DCC", "hit by chance"
PUBLISHED: Mapping[str, float] = {CAM: 0.356, COMPONENTS: 0.657, BOTH: 0.685}
"""Table V; its columns are out of step with the text (section III-E), which is taken."""


class DeCoVNetEvaluator:
    """Reads studies with given weights, as in use. Raises RefusedInput (code ``bad_weights``)."""

    findings: Sequence[str] = (CAM, COMPONENTS, BOTH, CHANCE)

    def __init__(self, weights: Path) -> None:
        self._reader = torch_reader(weights)
        self.operating_points: Mapping[str, float] = {CLASS_NAME: self._reader.configuration.operating_point}

    def read(self, case: Case, lesions: LabelArray | None) -> Reading:
        """Return P(COVID-19), and hits where it passes the operating point and lesions are known and visible.

        Raises RefusedInput (code ``no_lungs``).
        """
        shown = network_input(case.volume, case.lungs, self._reader.size("trained"))
        features = self._reader.features(shown)
        probability = self._reader.probability(features)
        reading = Reading({CLASS_NAME: probability})
        if lesions is None or probability < self.operating_points[CLASS_NAME]:
            return reading
        cam = self._reader.heatmap(features, shown.affine, "released")
        return replace(reading, findings=hits(cam, case, lesions))

    def own_report(self, predictions: Sequence[Prediction]) -> OwnReport | None:
        """Return the hit rates over the true positives whose lesions are known; None without any."""
        threshold = self.operating_points[CLASS_NAME]
        positives = [
            one.findings
            for one in predictions
            if truth_of(CLASS_NAME, one.class_name) and one.probabilities[CLASS_NAME] >= threshold
        ]
        known = [found for found in positives if found]
        if not known:
            return None
        rates = {method: hit_rate([found[method] == 1.0 for found in known]) for method in PUBLISHED}
        chance = float(np.mean([found[CHANCE] for found in known]))
        rows = [
            (*(("yes" if used else "no") for used in (method != CAM, method != COMPONENTS)), share(rate),
             f"{PUBLISHED[method]:.3f}")
            for method, rate in rates.items()
        ]  # fmt: skip
        content = {
            "true_positives": len(positives), "with_known_lesions": len(known), "chance": chance,
            "hit_rate": {method: as_json(rate) for method, rate in rates.items() if rate is not None},
        }  # fmt: skip
        note = (
            f"Over {len(known)} of {len(positives)} true positives, all whose visible lesions are known. "
            f"A voxel of the lungs drawn at random lies in a lesion's box with probability {number(chance)}."
        )
        columns = ("3DCC activation", "CAM", "hit rate", "Wang et al., Table V")
        return OwnReport("localisation", content, [Table("Localisation", columns, rows, note)])


def hits(cam: Heatmap, case: Case, lesions: LabelArray) -> dict[str, float]:
    """Return for each way to localise whether its centre lies in a true lesion's box: 1.0 or 0.0.

    Boxes are those of the connected parts of ``lesions`` with values 1 to 4; without any the result is
    empty. CAM alone takes the largest part of the strongest activation, 3DCC its one component, and both the
    part of the strongest activation that overlaps this component most. What finds nothing misses. "By
    chance" is the share of the lungs that lies in the boxes.
    """
    true = regions_of_lesions(lesions, np.ones_like(lesions), case.volume.affine, smallest_ml=0.0)
    if not true:
        return {}
    boxes = [lesion.box_mm for lesion in true]
    whole = network_input(case.volume, case.lungs, PAPER_SIZE)
    response = component_response(whole)
    nowhere = replace(response, values=np.zeros_like(response.values))
    return {
        CAM: _hit([one.centre_mm for one in published_localisation(cam, nowhere, whole, case)], boxes),
        COMPONENTS: _hit(_centre_of(response), boxes),
        BOTH: _hit([one.centre_mm for one in published_localisation(cam, response, whole, case)], boxes),
        CHANCE: _share_in_boxes(true, case.lungs),
    }


def _centre_of(response: Heatmap) -> list[Point]:
    mask = response.values >= response.threshold
    return [centre_mm(mask, (0, 0, 0), response.affine)] if mask.any() else []


def _share_in_boxes(lesions: Sequence[Region], lungs: LabelArray) -> float:
    """How much of the lungs lies in the boxes around the lesions."""
    inside = np.zeros(lungs.shape, bool)
    for lesion in lesions:
        sides = zip(lesion.origin, lesion.mask.shape, strict=True)
        inside[tuple(slice(start, start + size) for start, size in sides)] = True
    return float(inside[lungs > 0].mean())


def _hit(centres: Sequence[Point], boxes: Sequence[BoxMm]) -> float:
    """Whether the first centre lies in a box."""
    return float(any(is_hit(centre, boxes) for centre in centres[:1]))
