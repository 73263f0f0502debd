"""Areas under ROC curves with their variance, and the comparison of two on the same cases.

DeLong, DeLong and Clarke-Pearson, Biometrics 1988; computed by midranks in n log n as in Sun and Xu, IEEE
Signal Processing Letters 2014.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from diagnosis.evaluation.cases import Cases, Numbers, cases_of
from diagnosis.evaluation.intervals import CONFIDENCE, Interval

NO_VARIANCE = 1e-15
"""Variances below this are rounding errors: one case among 10,000 of each class gives 1e-12 and more."""


@dataclass(frozen=True, slots=True)
class Area:
    """Area under a ROC curve. ``variance`` and ``interval`` are None where the method says nothing."""

    value: float
    variance: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class AreaDifference:
    """First area minus second. ``z`` and the two-sided ``p_value`` are None where the variance is 0."""

    value: float
    variance: float
    interval: Interval | None
    z: float | None
    p_value: float | None


def roc_area(truth: ArrayLike, scores: ArrayLike, confidence: float = CONFIDENCE) -> Area | None:
    """Return the area under the ROC curve with DeLong's interval, or None when a class is missing.

    The interval is normal and cut at 0 and 1. It needs two cases of each class and some overlap: when the
    classes are separated perfectly the estimated variance is 0, and the interval None instead of one of no
    width. Raises ValueError.
    """
    cases = cases_of(truth, scores)
    if not cases.both_classes:
        return None
    areas, covariance = _areas(cases, cases.scores[None])
    if covariance is None:
        return Area(float(areas[0]), None, None)
    variance = float(covariance[0, 0])
    found = _normal(float(areas[0]), variance, confidence)
    return Area(float(areas[0]), variance, None if found is None else _cut(found))


def compare_areas(
    truth: ArrayLike, first: ArrayLike, second: ArrayLike, confidence: float = CONFIDENCE
) -> AreaDifference | None:
    """Compare the areas of two scores of the same cases, which are correlated.

    None with fewer than two cases of a class. Raises ValueError.
    """
    cases, others = cases_of(truth, first), cases_of(truth, second)
    if not cases.both_classes:
        return None
    areas, covariance = _areas(cases, np.stack([cases.scores, others.scores]))
    if covariance is None:
        return None
    difference = float(areas[0] - areas[1])
    variance = max(0.0, float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]))
    found = _normal(difference, variance, confidence)
    if found is None:
        return AreaDifference(difference, variance, None, None, None)
    z = difference / math.sqrt(variance)
    return AreaDifference(difference, variance, found, z, float(2 * stats.norm.sf(abs(z))))


def _areas(cases: Cases, scores: Numbers) -> tuple[Numbers, Numbers | None]:
    """Return the area of each row of ``scores`` [score, case] and their covariance matrix.

    A positive case's component is the share of negatives below it, a negative case's the share of positives
    above it (ties count half). The covariance is None with fewer than two cases of a class.
    """
    positive, negative = scores[:, cases.truth], scores[:, ~cases.truth]
    ranks = stats.rankdata(scores, axis=1)
    below = (ranks[:, cases.truth] - stats.rankdata(positive, axis=1)) / cases.negatives
    above = 1 - (ranks[:, ~cases.truth] - stats.rankdata(negative, axis=1)) / cases.positives
    areas: Numbers = below.mean(axis=1)
    if min(cases.positives, cases.negatives) < 2:
        return areas, None
    within = np.atleast_2d(np.cov(below)) / cases.positives
    return areas, within + np.atleast_2d(np.cov(above)) / cases.negatives


def _normal(value: float, variance: float, confidence: float) -> Interval | None:
    if variance < NO_VARIANCE:
        return None
    half = float(stats.norm.isf((1 - confidence) / 2)) * math.sqrt(variance)
    return Interval(value - half, value + half)


def _cut(interval: Interval) -> Interval:
    return Interval(max(0.0, interval.low), min(1.0, interval.high))
