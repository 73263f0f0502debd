"""Do readers, or a reader and the software, agree? Kappas for categories, ICC and limits for volumes."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from sklearn import metrics

from diagnosis.evaluation.cases import Numbers, numbers_of
from diagnosis.evaluation.intervals import CONFIDENCE, Interval

KappaWeights = Literal["plain", "linear", "quadratic"]


def cohen_kappa(
    first: Sequence[Hashable],
    second: Sequence[Hashable],
    categories: Sequence[Hashable],
    weights: KappaWeights = "plain",
) -> float | None:
    """Return the agreement of two readers beyond chance (Cohen 1960; weighted: Cohen 1968).

    ``categories`` lists all categories in their order, which the weights need: ``linear`` and ``quadratic``
    count a disagreement by its distance. None when chance alone would agree fully (both always chose one
    category). Raises ValueError.
    """
    if len(first) != len(second) or not first:
        raise ValueError(f"The readers judged {len(first)} and {len(second)} cases.")
    places = {category: place for place, category in enumerate(categories)}
    strange = (set(first) | set(second)) - set(places)
    if strange:
        raise ValueError(f"{next(iter(strange))!r} is none of the categories.")
    pairs = [[places[answer] for answer in answers] for answers in (first, second)]
    if len(set(pairs[0] + pairs[1])) == 1:
        return None
    kappa = metrics.cohen_kappa_score(
        *pairs, labels=range(len(places)), weights=None if weights == "plain" else weights
    )
    return float(kappa)


@dataclass(frozen=True, slots=True)
class FleissKappa:
    """``p_value``: two-sided, against agreement by chance alone; None where its variance is 0."""

    value: float
    z: float | None
    p_value: float | None


def fleiss_kappa(counts: ArrayLike) -> FleissKappa | None:
    """Return the agreement of several readers beyond chance (Fleiss, Psychological Bulletin 1971).

    ``counts`` ``[case, category]``: how many readers chose the category; every case has the same number of
    readers, at least two, not necessarily the same people. The test uses the variance corrected by Fleiss,
    Nee and Landis (1979). None when all readers chose one category for all cases. Raises ValueError.
    """
    table = np.asarray(counts, dtype=np.float64)
    if table.ndim != 2 or not len(table) or (table < 0).any() or (table != np.rint(table)).any():
        raise ValueError("The counts must be whole numbers of readers, case by category.")
    readers = table[0].sum()
    if readers < 2 or (table.sum(axis=1) != readers).any():
        raise ValueError("Every case needs the same number of readers, two at least.")
    shares = table.sum(axis=0) / table.sum()
    by_chance = float((shares**2).sum())
    if math.isclose(by_chance, 1.0):
        return None
    agreeing = ((table**2).sum(axis=1) - readers) / (readers * (readers - 1))
    kappa = (float(agreeing.mean()) - by_chance) / (1 - by_chance)
    spread = shares * (1 - shares)
    excess = spread.sum() ** 2 - (spread * (1 - 2 * shares)).sum()
    variance = 2 * excess / (len(table) * readers * (readers - 1) * spread.sum() ** 2)
    if variance <= 0:
        return FleissKappa(kappa, None, None)
    z = kappa / math.sqrt(variance)
    return FleissKappa(kappa, z, float(2 * stats.norm.sf(abs(z))))


@dataclass(frozen=True, slots=True)
class LimitsOfAgreement:
    """In the unit of the measurements; differences are first minus second.

    ``lower`` and ``upper`` hold 95 % of the differences if they are normal. Each estimate has its interval.
    """

    bias: float
    bias_interval: Interval
    standard_deviation: float
    lower: float
    lower_interval: Interval
    upper: float
    upper_interval: Interval


def limits_of_agreement(
    first: ArrayLike, second: ArrayLike, confidence: float = CONFIDENCE
) -> LimitsOfAgreement | None:
    """Return bias and limits of two measurements of the same cases (Bland and Altman, Lancet 1986).

    Limits: bias +- 1.96 standard deviations; their standard error is sqrt(3 / n) standard deviations. None
    with fewer than two cases. Raises ValueError.
    """
    differences = np.subtract(*_paired(first, second))
    cases = len(differences)
    if cases < 2:
        return None
    bias, deviation = float(differences.mean()), float(differences.std(ddof=1))
    reach = float(stats.norm.isf(0.025)) * deviation
    quantile = float(stats.t.isf((1 - confidence) / 2, cases - 1))
    half_bias, half_limit = (quantile * deviation * math.sqrt(part / cases) for part in (1, 3))
    return LimitsOfAgreement(
        bias=bias,
        bias_interval=Interval(bias - half_bias, bias + half_bias),
        standard_deviation=deviation,
        lower=bias - reach,
        lower_interval=Interval(bias - reach - half_limit, bias - reach + half_limit),
        upper=bias + reach,
        upper_interval=Interval(bias + reach - half_limit, bias + reach + half_limit),
    )


@dataclass(frozen=True, slots=True)
class IntraclassCorrelation:
    """``interval`` is None where the variances leave it undefined (complete agreement)."""

    value: float
    interval: Interval | None


def intraclass_correlation(
    measurements: ArrayLike, confidence: float = CONFIDENCE
) -> IntraclassCorrelation | None:
    """Return ICC(2,1): absolute agreement of single measurements, two-way random effects.

    ``measurements`` ``[case, reader]`` without gaps, at least 2 x 2. Shrout and Fleiss, Psychological
    Bulletin 1979; interval by McGraw and Wong, Psychological Methods 1996. A reader who always measures 50 ml
    more lowers it, unlike a correlation. None when all measurements are equal. Raises ValueError.
    """
    table = np.asarray(measurements, dtype=np.float64)
    if table.ndim != 2 or min(table.shape) < 2 or not np.isfinite(table).all():
        raise ValueError("The measurements must be finite, of at least two cases by two readers each.")
    cases, readers = table.shape
    if np.ptp(table) == 0:
        return None
    squares = _mean_squares(table)
    between, among, error = squares
    value = (between - error) / (between + (readers - 1) * error + readers * (among - error) / cases)
    return IntraclassCorrelation(value, _icc_interval(table.shape, squares, confidence))


def _mean_squares(table: Numbers) -> tuple[float, float, float]:
    """Return the mean squares between cases, among readers and of the rest (two-way analysis of variance)."""
    cases, readers = table.shape
    by_case, by_reader = table.mean(axis=1), table.mean(axis=0)
    rest = table - by_case[:, None] - by_reader[None] + table.mean()
    return (
        float(readers * by_case.var(ddof=1)),
        float(cases * by_reader.var(ddof=1)),
        float((rest**2).sum() / ((cases - 1) * (readers - 1))),
    )


def _icc_interval(
    shape: tuple[int, ...], squares: tuple[float, float, float], confidence: float
) -> Interval | None:
    """McGraw and Wong 1996, Table 7, case 2 A (ICC(A,1))."""
    cases, readers = shape
    between, among, error = squares
    if math.isclose(error, 0, abs_tol=1e-12 * between):
        return None
    value = (between - error) / (between + (readers - 1) * error + readers * (among - error) / cases)
    a = readers * value / (cases * (1 - value))
    b = 1 + readers * value * (cases - 1) / (cases * (1 - value))
    freedom = (a * among + b * error) ** 2 / (
        (a * among) ** 2 / (readers - 1) + (b * error) ** 2 / ((cases - 1) * (readers - 1))
    )
    tail = (1 - confidence) / 2
    down = float(stats.f.isf(tail, cases - 1, freedom))
    up = float(stats.f.isf(tail, freedom, cases - 1))
    shared = readers * among + (readers * cases - readers - cases) * error
    low = cases * (between - down * error) / (down * shared + cases * between)
    high = cases * (up * between - error) / (shared + cases * up * between)
    return Interval(low, high)


def _paired(first: ArrayLike, second: ArrayLike) -> tuple[Numbers, Numbers]:
    one, other = numbers_of(first, "A measurement"), numbers_of(second, "A measurement")
    if len(one) != len(other):
        raise ValueError(f"There are {len(one)} first measurements but {len(other)} second ones.")
    return one, other
