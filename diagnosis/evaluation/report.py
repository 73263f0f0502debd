"""Everything measured of one probability over a set of studies: what an evaluation reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from diagnosis.evaluation.bootstrap import bootstrap_interval
from diagnosis.evaluation.calibration import Calibration, calibration
from diagnosis.evaluation.cases import Flags, Numbers
from diagnosis.evaluation.delong import Area, roc_area
from diagnosis.evaluation.groups import GroupPerformance, by_co_rads, by_group
from diagnosis.evaluation.intervals import Interval, Rate, rate
from diagnosis.evaluation.ladder import Ladder
from diagnosis.evaluation.operating import (
    OperatingPoint,
    at_sensitivity,
    at_specificity,
    at_threshold,
    threshold_table,
)
from diagnosis.evaluation.predictions import Prediction, truth_of
from diagnosis.evaluation.roc import precision_recall_curve

OF_THE_WEIGHTS = "of the weights"
AT_SENSITIVITY, AT_SPECIFICITY = "95 % sensitivity", "95 % specificity"


@dataclass(frozen=True, slots=True)
class AreaUnderRoc:
    """``interval`` is of the bootstrap, ``delong`` of DeLong's method."""

    value: float
    interval: Interval | None
    delong: Interval | None


@dataclass(frozen=True, slots=True)
class AreaUnderPrecisionRecall:
    """``value`` joins the points by straight lines, as published; the interval is of average precision."""

    value: float
    average_precision: float
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class ClassPerformance:
    """``called_positive`` is sensitivity for a positive class and 1 - specificity for a negative one.

    ``area`` sets the class against all studies of the other side.
    """

    positive: bool
    called_positive: Rate
    area: Area | None


@dataclass(frozen=True, slots=True)
class Report:
    """One probability key on the studies that count for it. None where a class is missing.

    ``operating_points`` are those named 95 % sensitivity and 95 % specificity, chosen on these very studies,
    and that of the weights, chosen before; the last one serves every group.
    """

    key: str
    n: int
    positives: int
    auc: AreaUnderRoc | None
    pr_auc: AreaUnderPrecisionRecall | None
    thresholds: Sequence[OperatingPoint]
    operating_points: Mapping[str, OperatingPoint]
    by_class: Mapping[str, ClassPerformance]
    by_scanner: Mapping[str, GroupPerformance]
    by_co_rads: Mapping[int, GroupPerformance]
    calibration: Calibration


def report_on(predictions: Sequence[Prediction], key: str, operating_point: float) -> Report | None:
    """Return the report on one probability, or None when no study counts for it."""
    counted = [one for one in predictions if truth_of(key, one.class_name) is not None]
    if not counted:
        return None
    truth, scores = cases_for(counted, key)
    graded = np.array([one.co_rads is not None for one in counted])
    return Report(
        key=key,
        n=len(counted),
        positives=int(truth.sum()),
        auc=_area_under_roc(truth, scores),
        pr_auc=_area_under_precision_recall(truth, scores),
        thresholds=threshold_table(truth, scores),
        operating_points=_operating_points(truth, scores, operating_point),
        by_class=_by_class(counted, truth, scores, operating_point),
        by_scanner=by_group(truth, scores, [one.scanner for one in counted], operating_point),
        by_co_rads=by_co_rads(
            truth[graded], scores[graded],
            [one.co_rads for one in counted if one.co_rads is not None], operating_point,
        ) if graded.any() else {},
        calibration=calibration(truth, scores),
    )  # fmt: skip


def cases_for(predictions: Sequence[Prediction], key: str) -> tuple[Flags, Numbers]:
    """Return truth and probability of the studies that count for a key."""
    counted = [(truth_of(key, one.class_name), one.probabilities[key]) for one in predictions]
    known = [(truth, score) for truth, score in counted if truth is not None]
    return np.array([truth for truth, _ in known], bool), np.array([score for _, score in known], float)


def as_json(measured: Any) -> Any:
    """Return a report or a part of one as JSON: what is undefined is absent, intervals are [low, high]."""
    return _defined(asdict(measured))


def _defined(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _defined(part) for name, part in value.items() if part is not None}
    if isinstance(value, list | tuple):
        return [_defined(part) for part in value]
    return value


def _area_under_roc(truth: Flags, scores: Numbers) -> AreaUnderRoc | None:
    area = roc_area(truth, scores)
    if area is None:
        return None
    return AreaUnderRoc(area.value, bootstrap_interval(truth, scores, Ladder.roc_area), area.interval)


def _area_under_precision_recall(truth: Flags, scores: Numbers) -> AreaUnderPrecisionRecall | None:
    curve = precision_recall_curve(truth, scores)
    if curve is None:
        return None
    interval = bootstrap_interval(truth, scores, Ladder.average_precision)
    return AreaUnderPrecisionRecall(curve.area, curve.average_precision, interval)


def _operating_points(truth: Flags, scores: Numbers, threshold: float) -> dict[str, OperatingPoint]:
    found = {
        AT_SENSITIVITY: at_sensitivity(truth, scores),
        AT_SPECIFICITY: at_specificity(truth, scores),
        OF_THE_WEIGHTS: at_threshold(truth, scores, threshold),
    }
    return {name: point for name, point in found.items() if point is not None}


def _by_class(
    counted: Sequence[Prediction], truth: Flags, scores: Numbers, threshold: float
) -> dict[str, ClassPerformance]:
    names = np.array([one.class_name for one in counted])
    found = {}
    for name in np.unique(names):
        inside = names == name
        positive = bool(truth[inside][0])
        called = rate(int((scores[inside] >= threshold).sum()), int(inside.sum()))
        if called is not None:
            against = inside | (truth != positive)
            area = roc_area(truth[against], scores[against])
            found[str(name)] = ClassPerformance(positive, called, area)
    return found
