"""ROC and precision-recall curves with the areas under them."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import ArrayLike
from sklearn import metrics

from diagnosis.evaluation.cases import Numbers, cases_of


@dataclass(frozen=True, slots=True)
class RocCurve:
    """Points from (0, 0) to (1, 1). At the first no case is called positive: its threshold is infinite."""

    false_positive_rate: Numbers
    true_positive_rate: Numbers
    thresholds: Numbers
    area: float


@dataclass(frozen=True, slots=True)
class PrecisionRecallCurve:
    """Points of rising threshold and falling recall; the last, (recall 0, precision 1), has no threshold.

    ``average_precision`` weights each precision by the gain of recall. ``area`` joins the points by straight
    lines, as published "PR AUC" mostly do, and reads a little higher (Davis and Goadrich, ICML 2006).
    """

    precision: Numbers
    recall: Numbers
    thresholds: Numbers
    average_precision: float
    area: float


def roc_curve(truth: ArrayLike, scores: ArrayLike) -> RocCurve | None:
    """Return the ROC curve without points that lie on a line, or None when a class is missing.

    ``truth`` holds 0 and 1, ``scores`` one number per case, high for positive. Raises ValueError.
    """
    cases = cases_of(truth, scores)
    if not cases.both_classes:
        return None
    false_rate, true_rate, thresholds = metrics.roc_curve(cases.truth, cases.scores)
    area = float(metrics.roc_auc_score(cases.truth, cases.scores))
    return RocCurve(false_rate, true_rate, thresholds, area)


def precision_recall_curve(truth: ArrayLike, scores: ArrayLike) -> PrecisionRecallCurve | None:
    """Return the precision-recall curve, or None when a class is missing.

    Without a negative case precision is 1 whatever the scores are, which says nothing. Raises ValueError.
    """
    cases = cases_of(truth, scores)
    if not cases.both_classes:
        return None
    precision, recall, thresholds = metrics.precision_recall_curve(cases.truth, cases.scores)
    return PrecisionRecallCurve(
        precision=precision,
        recall=recall,
        thresholds=thresholds,
        average_precision=float(metrics.average_precision_score(cases.truth, cases.scores)),
        area=float(metrics.auc(recall, precision)),
    )
