"""icovid in its evaluation: Tables 4 and 5 and Figure 6 of Berenguer et al., 2020; where relevance lies."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from diagnosis.describing import Subject, described
from diagnosis.evaluation.bootstrap import bootstrap_interval
from diagnosis.evaluation.delong import roc_area
from diagnosis.evaluation.groups import CO_RADS, by_co_rads
from diagnosis.evaluation.ladder import Ladder
from diagnosis.evaluation.operating import at_threshold, false_positive_rate_at_sensitivity
from diagnosis.evaluation.predictions import Prediction, truth_of
from diagnosis.evaluation.report import as_json, cases_for
from diagnosis.evaluation.report_tables import Table, number, share
from diagnosis.results import Heatmap
from diagnosis.systems.evaluating import OwnReport, Reading
from diagnosis.systems.icovid.configuration import maps_of
from diagnosis.systems.icovid.network import SIDE_CHANNELS, ICovid
from diagnosis.systems.icovid.preprocessing import network_input
from diagnosis.systems.icovid.reading import reader_of
from diagnosis.systems.icovid.spec import CLASS_NAME
from diagnosis.systems.interface import Case
from diagnosis.systems.true_lesions import BY_CHANCE, true_lesions
from diagnosis.volume import LabelArray

SLICES, CLASSIFYING, EXPLAINING = "slices", "seconds to classify", "seconds to explain"
PUBLISHED: Mapping[str, Sequence[str]] = {
    "Berenguer et al., test": ("98", "0.94", "0.82", "0.88", "0.97 (0.93 to 0.99)", "0.28 (0.02 to 0.50)"),
    "Berenguer et al., independent": (
        "475", "0.96", "0.59", "0.79", "0.93 (0.91 to 0.95)", "0.31 (0.18 to 0.52)",
    ),
}  # fmt: skip
"""Table 4 and the text beside Figures 5 and 7."""


class ICovidEvaluator:
    """Reads studies with given weights, as in use. Raises RefusedInput (code ``bad_weights``)."""

    def __init__(self, weights: Path) -> None:
        self._reader = reader_of(weights)
        self.operating_points: Mapping[str, float] = {CLASS_NAME: self._reader.configuration.operating_point}
        self._kinds = maps_of(self._reader.configuration.side)
        self.findings: Sequence[str] = (
            *map(_inside, self._kinds),
            BY_CHANCE,
            SLICES,
            CLASSIFYING,
            EXPLAINING,
        )

    def read(self, case: Case, lesions: LabelArray | None) -> Reading:
        """Return P(COVID-19); the seconds it took; and where it passes the operating point, the part of the
        relevance of its worst slices that lies in true lesions, which are part of the lungs there by chance.

        Raises RefusedInput (code ``no_lungs``).
        """
        begun = time.perf_counter()
        given = network_input(case.volume, case.lungs, case.lesions, self._reader.configuration.size)
        answer = self._reader.answer(given)
        findings = {CLASSIFYING: time.perf_counter() - begun, SLICES: float(given.image.shape[1])}
        if lesions is not None and answer.probability >= self.operating_points[CLASS_NAME]:
            begun = time.perf_counter()
            heatmaps = self._reader.heatmaps(given, answer, "worst")
            findings[EXPLAINING] = time.perf_counter() - begun
            findings |= placed(heatmaps, case, lesions)
        return Reading({CLASS_NAME: answer.probability}, findings)

    def own_report(self, predictions: Sequence[Prediction]) -> OwnReport | None:
        """Return Tables 4 and 5, Figure 6 and where the relevance of true positives lies; None without both
        sides."""
        truth, scores = cases_for(predictions, CLASS_NAME)
        if truth.all() or not truth.any():
            return None
        point = self.operating_points[CLASS_NAME]
        positives = [
            one.findings for one in predictions
            if truth_of(CLASS_NAME, one.class_name) and BY_CHANCE in one.findings
        ]  # fmt: skip
        tables = [self._performance(truth, scores, point), *_by_suspicion(predictions, point)]
        relevance = {name: _mean(positives, name) for name in (*map(_inside, self._kinds), BY_CHANCE)}
        complexity = self._complexity(predictions)
        if positives:
            tables.append(_relevance_table(relevance, len(positives)))
        tables.append(_complexity_table(complexity))
        content = {
            "false_positive_rate_at_95_sensitivity": as_json(
                false_positive_rate_at_sensitivity(truth, scores)
            ),
            **({"relevance": relevance, "true_positives": len(positives)} if positives else {}),
            "complexity": complexity,
        }  # fmt: skip
        return OwnReport("icovid", content, tables)

    def _performance(self, truth: Any, scores: Any, point: float) -> Table:
        rates = at_threshold(truth, scores, point).rates
        area, alarms = roc_area(truth, scores), false_positive_rate_at_sensitivity(truth, scores)
        row = (
            f"{self._reader.header['version']}", str(len(truth)),
            *(number(rate.value if rate else None, rate.interval if rate else None)
              for rate in (rates.sensitivity, rates.specificity)),
            number(rates.f1),
            number(area.value if area else None, bootstrap_interval(truth, scores, Ladder.roc_area)),
            number(alarms.value if alarms else None, alarms.interval if alarms else None),
        )  # fmt: skip
        columns = ("", "studies", "sensitivity", "specificity", "F1-score", "AUC", "FPR at 95 % TPR")
        rows = [row, *((name, *figures) for name, figures in PUBLISHED.items())]
        note = "At the operating point of the weights; AUC and FPR with intervals of 2000 bootstrap samples."
        return Table("Classification, as in Berenguer et al., Table 4", columns, rows, note)

    def _complexity(self, predictions: Sequence[Prediction]) -> dict[str, float]:
        """Parameters in millions, operations in 10^9 of a scan of mean length, mean seconds."""
        configuration = self._reader.configuration
        channels, side = 1 + SIDE_CHANNELS[configuration.side], configuration.size.side
        build = partial(ICovid, configuration.side, configuration.spp)
        network = described(Subject(build, (1, channels, side, side), ""))
        findings = [one.findings for one in predictions]
        slices = _mean(findings, SLICES)
        found = {
            "parameters_millions": network.parameters / 1e6, "slices": slices,
            "operations_billions": network.macs * slices / 1e9,
            "seconds_to_classify": _mean(findings, CLASSIFYING),
        }  # fmt: skip
        explained = [one for one in findings if EXPLAINING in one]
        return {**found, **({"seconds_to_explain": _mean(explained, EXPLAINING)} if explained else {})}


def placed(heatmaps: Sequence[Heatmap], case: Case, lesions: LabelArray) -> dict[str, float]:
    """Return what part of each map lies in infected voxels, and what part of the lungs these are, over the
    slices that the maps explain; nothing where one of the maps is empty."""
    truth = true_lesions(case, lesions, heatmaps[0].affine, heatmaps[0].values.shape)
    explained = np.any([one.values > 0 for one in heatmaps], axis=(0, 2, 3))
    parts = {_inside(one.kind): truth.part(one.values) for one in heatmaps}
    found = {**parts, BY_CHANCE: truth.by_chance(explained)}
    known = {name: value for name, value in found.items() if value is not None}
    return known if len(known) == len(found) else {}


def _inside(kind: str) -> str:
    return f"{kind} in lesions"


def _by_suspicion(predictions: Sequence[Prediction], point: float) -> list[Table]:
    """Figure 6, over the studies that a reader graded."""
    graded = [one for one in predictions if one.co_rads is not None]
    if not graded:
        return []
    groups = by_co_rads(
        *cases_for(graded, CLASS_NAME), [one.co_rads for one in graded if one.co_rads is not None], point
    )
    rows = [
        (
            f"{grade} ({CO_RADS[grade]})",
            share(rates.accuracy),
            share(rates.sensitivity),
            share(rates.specificity),
        )
        for grade, rates in ((grade, found.at_threshold.rates) for grade, found in groups.items())
    ]
    columns = ("CO-RADS", "accuracy", "sensitivity", "specificity")
    return [Table("Suspicion, as in Berenguer et al., Figure 6", columns, rows)]


def _relevance_table(relevance: Mapping[str, float], count: int) -> Table:
    rows = [(name, number(value)) for name, value in relevance.items()]
    note = f"Mean over {count} true positives, of the ten slices that speak most for COVID-19."
    return Table("Where relevance lies", ("part", "mean"), rows, note)


def _complexity_table(found: Mapping[str, float]) -> Table:
    rows = [
        ("classification", f"{found['parameters_millions']:.2f}", f"{found['operations_billions']:.2f}",
         f"{found['seconds_to_classify']:.2f}", "1.92, 3.55, 0.5"),
        ("visual explanations", "-", "-", number(found.get("seconds_to_explain")), "-, 27.65, 4.01"),
    ]  # fmt: skip
    columns = ("", "parameters (M)", "operations (G)", "seconds", "Berenguer et al.")
    note = (
        f"A scan of {found['slices']:.0f} slices, multiply-accumulates; ten slices are explained. The paper "
        "timed a Titan Xp, and besides the segmentation of lungs (2.12 M, 4262.7 G, 40 s) and of lesions "
        "(13.3 M, 1113.8 G, 32 s)."
    )
    return Table("Complexity, as in Berenguer et al., Table 5", columns, rows, note)


def _mean(findings: Sequence[Mapping[str, float]], name: str) -> float:
    return float(np.mean([one[name] for one in findings]))
