"""Bootstrap intervals of means and of whatever can be read off a ladder: all draws at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike

from diagnosis.evaluation.cases import Cases, Counts, Numbers, cases_of, numbers_of
from diagnosis.evaluation.intervals import CONFIDENCE, Interval
from diagnosis.evaluation.ladder import Ladder

DRAWS = 2000
"""As many as the published systems used (Berenguer et al., 2020)."""
SEED = 20200123
CELLS_AT_ONCE = 4_000_000
"""Draws x thresholds in memory at a time (32 MB per array)."""

Statistic = Callable[[Ladder], Numbers]
"""Reads one number per row, for example ``Ladder.roc_area``."""


def bootstrap_interval(
    truth: ArrayLike,
    scores: ArrayLike,
    statistic: Statistic,
    *,
    draws: int = DRAWS,
    seed: int = SEED,
    confidence: float = CONFIDENCE,
) -> Interval | None:
    """Return the percentile interval of ``statistic`` over stratified bootstrap samples.

    Positives and negatives are drawn with replacement apart, so that every sample has as many of each as
    the data (Efron and Tibshirani 1993, chapters 8 and 13). None with fewer than two cases of a class, and
    when all samples agree (perfect separation): the data then say nothing about the uncertainty. Raises
    ValueError like ``cases_of``.
    """
    cases = cases_of(truth, scores)
    if min(cases.positives, cases.negatives) < 2:
        return None
    return _percentiles(
        np.concatenate([statistic(ladder) for ladder in _samples(cases, draws, seed)]), confidence
    )


def bootstrap_mean_interval(
    values: ArrayLike, *, draws: int = DRAWS, seed: int = SEED, confidence: float = CONFIDENCE
) -> Interval | None:
    """Return the percentile interval of the mean of some numbers over bootstrap samples.

    None when all numbers are equal. Raises ValueError for what is no number.
    """
    known = numbers_of(values, "A value")
    count = len(known)
    if np.ptp(known) == 0:
        return None
    times = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), draws)
    return _percentiles(times @ known / count, confidence)


def _percentiles(values: Numbers, confidence: float) -> Interval | None:
    """The interval of what samples say; None when they all agree."""
    if np.ptp(values) == 0:
        return None
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(low), float(high))


def _samples(cases: Cases, draws: int, seed: int) -> Iterator[Ladder]:
    """Yield ladders of resampled cases, some rows at a time.

    How often each score comes in a sample of one class is multinomial, so no case is drawn one by one.
    """
    rng = np.random.default_rng(seed)
    rising, rung_from_below = np.unique(cases.scores, return_inverse=True)
    rungs = len(rising)
    rung = rungs - 1 - rung_from_below
    at_once = max(1, CELLS_AT_ONCE // rungs)
    for start in range(0, draws, at_once):
        rows = min(at_once, draws - start)
        yield Ladder(
            thresholds=rising[::-1],
            true_positives=_drawn(np.bincount(rung[cases.truth], minlength=rungs), rows, rng),
            false_positives=_drawn(np.bincount(rung[~cases.truth], minlength=rungs), rows, rng),
            positives=cases.positives,
            negatives=cases.negatives,
        )


def _drawn(at_rung: Counts, rows: int, rng: np.random.Generator) -> Numbers:
    """Draw as many cases as there are, ``rows`` times, and count them down the rungs: float64 [row, rung]."""
    taken = np.flatnonzero(at_rung)
    total = int(at_rung.sum())
    counts = np.zeros((rows, len(at_rung)))
    counts[:, taken] = rng.multinomial(total, at_rung[taken] / total, size=rows)
    return np.cumsum(counts, axis=1, out=counts)
