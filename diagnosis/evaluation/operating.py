"""Yes or no at a threshold: counts, rates, and the thresholds worth naming.

A case counts as positive when its score is at least the threshold. A threshold chosen on the same cases
flatters: choose it on one set, freeze it, and report the rates of another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from diagnosis.evaluation.bootstrap import DRAWS, SEED, Statistic, bootstrap_interval
from diagnosis.evaluation.cases import Cases, cases_of
from diagnosis.evaluation.intervals import CONFIDENCE, Interval, Rate, RateMethod, rate
from diagnosis.evaluation.ladder import Ladder, ladder_of

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Of the table, as in Wang et al., TMI 2020, Table II."""
TARGET = 0.95
"""Sensitivity and specificity of the two fixed operating points (Wang et al.; Berenguer et al.)."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """How many cases were called rightly and wrongly."""

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int

    def rates(self, confidence: float = CONFIDENCE, method: RateMethod = "wilson") -> Rates:
        """Return every rate with its interval."""
        hits, alarms = self.true_positives, self.false_positives
        misses, clear = self.false_negatives, self.true_negatives

        def share(part: int, whole: int) -> Rate | None:
            return rate(part, whole, confidence, method)

        return Rates(
            sensitivity=share(hits, hits + misses),
            specificity=share(clear, clear + alarms),
            positive_predictive_value=share(hits, hits + alarms),
            negative_predictive_value=share(clear, clear + misses),
            accuracy=share(hits + clear, hits + clear + alarms + misses),
            f1=2 * hits / (2 * hits + alarms + misses) if hits + alarms + misses else None,
        )


@dataclass(frozen=True, slots=True)
class Rates:
    """None where nothing is counted: sensitivity without positives, PPV when nobody is called positive.

    Predictive values hold for the share of positives among these cases, not for another population.
    """

    sensitivity: Rate | None
    specificity: Rate | None
    positive_predictive_value: Rate | None
    negative_predictive_value: Rate | None
    accuracy: Rate | None
    f1: float | None


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """A threshold and what it gives on the cases it was read from (or is tried on)."""

    threshold: float
    decisions: Decisions
    rates: Rates


def at_threshold(
    truth: ArrayLike, scores: ArrayLike, threshold: float, confidence: float = CONFIDENCE
) -> OperatingPoint:
    """Return what a given threshold does on these cases. Raises ValueError."""
    return _point(cases_of(truth, scores), threshold, confidence)


def threshold_table(
    truth: ArrayLike,
    scores: ArrayLike,
    thresholds: Sequence[float] = THRESHOLDS,
    confidence: float = CONFIDENCE,
) -> list[OperatingPoint]:
    """Return one row per threshold. Raises ValueError."""
    cases = cases_of(truth, scores)
    return [_point(cases, threshold, confidence) for threshold in thresholds]


def at_sensitivity(
    truth: ArrayLike, scores: ArrayLike, least: float = TARGET, confidence: float = CONFIDENCE
) -> OperatingPoint | None:
    """Return the strictest threshold whose sensitivity is at least ``least``.

    None when a class is missing.
    """
    cases = cases_of(truth, scores)
    ladder = ladder_of(cases)
    if ladder is None:
        return None
    return _point(cases, _threshold(ladder, ladder.rung_at_sensitivity(least)[0]), confidence)


def at_specificity(
    truth: ArrayLike, scores: ArrayLike, least: float = TARGET, confidence: float = CONFIDENCE
) -> OperatingPoint | None:
    """Return the threshold of highest sensitivity whose specificity is at least ``least``.

    Of equals the strictest. None when a class is missing, and when no positive is found at that specificity.
    """
    cases = cases_of(truth, scores)
    ladder = ladder_of(cases)
    if ladder is None:
        return None
    found = ladder.true_positives[0, : ladder.rungs_at_specificity(least)[0]]
    if not found.any():
        return None
    return _point(cases, _threshold(ladder, np.argmax(found)), confidence)


def at_youden(truth: ArrayLike, scores: ArrayLike, confidence: float = CONFIDENCE) -> OperatingPoint | None:
    """Return the threshold with the largest sensitivity + specificity - 1 (Youden, Cancer 1950).

    Of equals the mildest: it misses fewer of the ill. None when a class is missing.
    """
    cases = cases_of(truth, scores)
    ladder = ladder_of(cases)
    if ladder is None:
        return None
    gain = ladder.true_positives[0] * ladder.negatives - ladder.false_positives[0] * ladder.positives
    return _point(cases, _threshold(ladder, np.flatnonzero(gain == gain.max())[-1]), confidence)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its interval, None where the data give none."""

    value: float
    interval: Interval | None


def false_positive_rate_at_sensitivity(
    truth: ArrayLike, scores: ArrayLike, least: float = TARGET, *, draws: int = DRAWS, seed: int = SEED
) -> Estimate | None:
    """Return the false positive rate where sensitivity reaches ``least``, with a bootstrap interval.

    The threshold is found anew in every bootstrap sample, so that its choice is part of the uncertainty.
    None when a class is missing. Raises ValueError.
    """
    return _estimate(
        truth, scores, lambda ladder: ladder.false_positive_rate_at_sensitivity(least), draws, seed
    )


def sensitivity_at_specificity(
    truth: ArrayLike, scores: ArrayLike, least: float = TARGET, *, draws: int = DRAWS, seed: int = SEED
) -> Estimate | None:
    """Return the highest sensitivity that keeps ``least`` specificity, with a bootstrap interval as above.

    0 when only calling nobody positive keeps it; None when a class is missing. Raises ValueError.
    """
    return _estimate(truth, scores, lambda ladder: ladder.sensitivity_at_specificity(least), draws, seed)


def _estimate(truth: ArrayLike, scores: ArrayLike, read: Statistic, draws: int, seed: int) -> Estimate | None:
    ladder = ladder_of(cases_of(truth, scores))
    if ladder is None:
        return None
    interval = bootstrap_interval(truth, scores, read, draws=draws, seed=seed)
    return Estimate(float(read(ladder)[0]), interval)


def _threshold(ladder: Ladder, rung: np.intp) -> float:
    return float(ladder.thresholds[rung])


def _point(cases: Cases, threshold: float, confidence: float) -> OperatingPoint:
    called = cases.scores >= threshold
    hits = int((called & cases.truth).sum())
    alarms = int(called.sum()) - hits
    decisions = Decisions(hits, alarms, cases.positives - hits, cases.negatives - alarms)
    return OperatingPoint(float(threshold), decisions, decisions.rates(confidence))
