"""Areas under ROC curves with their variance, and the comparison of two on the same cases.

DeLong, DeLong and Clarke-Pearson, Biometrics 1988; computed by midranks in n log n as in Sun and Xu, IEEE
Signal Processing Letters 2014.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from numpy.typing import ArrayLike
from scipy import stats

from diagnosis.evaluation.cases import Cases, Numbers, cases_of
from diagnosis.evaluation.intervals import CONFIDENCE, Interval

NO_VARIANCE = 1e-24
"""Variances below this are rounding errors (1e-32). A single tie among 100,000 cases of each class, the least
that can differ, gives 1e-21."""


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
    parts = _parts(cases)
    value, variance = float(parts[0].mean()), _variance(*parts)
    found = _normal(value, variance, confidence)
    return Area(value, variance, None if found is None else _cut(found))


def compare_areas(
    truth: ArrayLike, first: ArrayLike, second: ArrayLike, confidence: float = CONFIDENCE
) -> AreaDifference | None:
    """Compare the areas of two scores of the same cases, which are correlated.

    None with fewer than two cases of a class. Raises ValueError.
    """
    cases, others = cases_of(truth, first), cases_of(truth, second)
    if not cases.both_classes:
        return None
    below, above = (one - other for one, other in zip(_parts(cases), _parts(others), strict=True))
    difference, variance = float(below.mean()), _variance(below, above)
    if variance is None:
        return None
    found = _normal(difference, variance, confidence)
    if found is None:
        return AreaDifference(difference, variance, None, None, None)
    z = difference / math.sqrt(variance)
    return AreaDifference(difference, variance, found, z, float(2 * stats.norm.sf(abs(z))))


def _parts(cases: Cases) -> tuple[Numbers, Numbers]:
    """Return what each case adds to the area (ties count half), positives and negatives apart.

    For a positive case that is the share of negatives below it, for a negative case the share of positives
    above it: the structural components of the paper. Each list has the area as its mean.
    """
    ranks = stats.rankdata(cases.scores)
    positive, negative = cases.scores[cases.truth], cases.scores[~cases.truth]
    below = (ranks[cases.truth] - stats.rankdata(positive)) / cases.negatives
    above = 1 - (ranks[~cases.truth] - stats.rankdata(negative)) / cases.positives
    return below, above


def _variance(below: Numbers, above: Numbers) -> float | None:
    """The variance of an area, or of a difference, from its parts; None with fewer than two of a class."""
    if min(len(below), len(above)) < 2:
        return None
    return float(below.var(ddof=1) / len(below) + above.var(ddof=1) / len(above))


def _normal(value: float, variance: float | None, confidence: float) -> Interval | None:
    if variance is None or variance < NO_VARIANCE:
        return None
    half = float(stats.norm.isf((1 - confidence) / 2)) * math.sqrt(variance)
    return Interval(value - half, value + half)


def _cut(interval: Interval) -> Interval:
    return Interval(max(0.0, interval.low), min(1.0, interval.high))
