"""Intervals around a measurement that hold the truth as often as they say: split-conformal calibration.

Used for infected %: each calibration phantom gives a prediction, a spread (how far repeated readings lie
apart, which says how hard the case is but nothing about coverage) and the truth. Residuals are divided by
the spread (normalised nonconformity: Papadopoulos et al. 2008; Lei et al., JASA 2018, section 5.2):

    score_i = |truth_i - prediction_i| / max(spread_i, floor)
    multiplier = the k-th smallest score, k = ceil((n + 1) * nominal)
    interval = prediction +- multiplier * max(spread, floor)

For a new case exchangeable with the n calibration cases, the interval holds the truth with a probability of
at least ``nominal`` and, without ties, at most nominal + 1 / (n + 1). Over calibration sets the coverage
follows Beta(k, n + 1 - k). Nothing is promised for other scanners or for patients: measure it there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from diagnosis.evaluation.cases import Numbers, numbers_of
from diagnosis.evaluation.intervals import CONFIDENCE, Interval, Rate, rate

NOMINAL = 0.90
"""Coverage that an interval of infected % promises."""
ROUNDING = 1e-9
"""Slack before rounding up, so that 0.9 * (9 + 1) is 9 whatever the floating point says."""


@dataclass(frozen=True, slots=True)
class ConformalCalibration:
    """What was learned from ``cases`` calibration cases. ``floor`` has the unit of the spreads."""

    nominal: float
    multiplier: float
    floor: float
    cases: int

    def intervals(self, predictions: ArrayLike, spreads: ArrayLike) -> Numbers:
        """Return the intervals of new predictions, float64 ``[case, 2]`` (low, high), not clipped.

        ``spreads`` as in ``calibrate_intervals``. Raises ValueError.
        """
        middles = numbers_of(predictions, "A prediction")
        reach = self.multiplier * _floored(spreads, len(middles), self.floor)
        return np.stack([middles - reach, middles + reach], axis=1)

    def coverage_to_expect(self, confidence: float = CONFIDENCE) -> Interval:
        """Return the range of true coverage that calibration sets of this size give, for like cases."""
        rank = _rank(self.cases, self.nominal)
        low, high = stats.beta.interval(confidence, rank, self.cases + 1 - rank)
        return Interval(float(low), float(high))


def calibrate_intervals(
    predictions: ArrayLike, spreads: ArrayLike, truths: ArrayLike, *, floor: float, nominal: float = NOMINAL
) -> ConformalCalibration | None:
    """Return the calibration, or None when there are too few cases: (n + 1) * nominal may not exceed n.

    All three hold one number per case. ``floor`` (above 0) is the smallest spread believed, since readings
    that agree may agree on something wrong. With spreads of 0 throughout every interval has the same width
    (plain absolute residuals). Raises ValueError.
    """
    middles, values = numbers_of(predictions, "A prediction"), numbers_of(truths, "A truth")
    if len(middles) != len(values):
        raise ValueError(f"There are {len(middles)} predictions but {len(values)} truths.")
    if not floor > 0 or not 0 < nominal < 1:
        raise ValueError("The floor must be above 0 and the nominal coverage between 0 and 1.")
    scores = np.abs(values - middles) / _floored(spreads, len(middles), floor)
    rank = _rank(len(scores), nominal)
    if rank > len(scores):
        return None
    return ConformalCalibration(nominal, float(np.sort(scores)[rank - 1]), float(floor), len(scores))


def coverage(intervals: ArrayLike, truths: ArrayLike, confidence: float = CONFIDENCE) -> Rate | None:
    """Return how many truths lie inside their intervals ``[case, 2]``, ends included. Raises ValueError."""
    values = numbers_of(truths, "A truth")
    ends = np.asarray(intervals, dtype=np.float64)
    if ends.shape != (len(values), 2) or np.isnan(ends).any() or (ends[:, 0] > ends[:, 1]).any():
        raise ValueError("Every truth needs an interval whose low end is not above its high end.")
    inside = (ends[:, 0] <= values) & (values <= ends[:, 1])
    return rate(int(inside.sum()), len(values), confidence)


def _rank(cases: int, nominal: float) -> int:
    return math.ceil((cases + 1) * nominal - ROUNDING)


def _floored(spreads: ArrayLike, cases: int, floor: float) -> Numbers:
    """Return the spreads, none under the floor."""
    numbers = numbers_of(spreads, "A spread")
    if len(numbers) != cases or numbers.min() < 0:
        raise ValueError("Every prediction needs a spread that is not negative.")
    return np.maximum(numbers, floor)
