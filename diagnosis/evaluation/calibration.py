"""Do probabilities mean what they say? Reliability curve, expected calibration error, Brier score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from sklearn import metrics

from diagnosis.evaluation.cases import cases_of, probabilities_of
from diagnosis.evaluation.intervals import CONFIDENCE, Rate, rate

BINS = 10
"""Of equal width. Guo et al. use 15 for 10,000 cases; a few hundred leave 15 too thin."""


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The cases whose probability lies in ``low`` <= p < ``high`` (the last bin holds 1.0 too)."""

    low: float
    high: float
    mean_probability: float
    positives: Rate
    """What share of them is positive in truth: equal to ``mean_probability`` when calibrated."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """``bins`` holds the bins with cases, rising: the reliability curve.

    ``expected_error`` (ECE) is the mean of |share of positives - mean probability| over the bins, weighted by
    their cases (Guo et al., ICML 2017, eq. 3), ``largest_error`` its maximum (MCE, eq. 4). ``brier`` is the
    mean squared error of the probabilities (Brier 1950).
    """

    bins: tuple[ReliabilityBin, ...]
    expected_error: float
    largest_error: float
    brier: float


def calibration(
    truth: ArrayLike, probabilities: ArrayLike, bins: int = BINS, confidence: float = CONFIDENCE
) -> Calibration:
    """Return how well the probabilities of the positive class are calibrated.

    The expected error of few cases is biased upwards: compare it only between sets of like size. Raises
    ValueError, also for probabilities outside 0..1.
    """
    cases = cases_of(truth, probabilities_of(probabilities))
    edges = np.arange(bins + 1) / bins
    place = np.clip(np.searchsorted(edges, cases.scores, side="right") - 1, 0, bins - 1)
    curve = []
    for number in np.unique(place):
        inside = place == number
        positives = rate(int(cases.truth[inside].sum()), int(inside.sum()), confidence)
        if positives is not None:
            low, high = float(edges[number]), float(edges[number + 1])
            curve.append(ReliabilityBin(low, high, float(cases.scores[inside].mean()), positives))
    errors = np.array([abs(part.positives.value - part.mean_probability) for part in curve])
    weights = np.array([part.positives.total for part in curve])
    return Calibration(
        bins=tuple(curve),
        expected_error=float(np.average(errors, weights=weights)),
        largest_error=float(errors.max()),
        brier=float(metrics.brier_score_loss(cases.truth, cases.scores)),
    )
