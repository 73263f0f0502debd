"""Confidence intervals, and rates that carry theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from scipy import stats

CONFIDENCE = 0.95
"""Level of every interval unless another is asked for: what medical journals expect."""

RateMethod = Literal["wilson", "exact"]


class Interval(NamedTuple):
    """Both ends belong to it."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Rate:
    """``hits`` of ``total`` cases, as a share (0..1) with its confidence interval."""

    hits: int
    total: int
    value: float
    interval: Interval


def rate(hits: int, total: int, confidence: float = CONFIDENCE, method: RateMethod = "wilson") -> Rate | None:
    """Return the share of hits, or None when there is no case to count.

    ``wilson``: score interval (Wilson, JASA 1927), close to its nominal level also near 0 and 1.
    ``exact``: Clopper and Pearson (Biometrika 1934), never below its nominal level, and wider. Raises
    ValueError when ``hits`` is not between 0 and ``total``.
    """
    if not 0 <= hits <= total:
        raise ValueError(f"{hits} hits of {total} cases is no rate.")
    if not total:
        return None
    found = stats.binomtest(hits, total).proportion_ci(confidence, method=method)
    return Rate(hits, total, hits / total, Interval(float(found.low), float(found.high)))
