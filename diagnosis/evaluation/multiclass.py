"""How well classes are told apart, with intervals: all at once, two of them, each against the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diagnosis.evaluation.bootstrap import DRAWS, SEED
from diagnosis.evaluation.cases import Flags, Numbers
from diagnosis.evaluation.confusion import probability_table
from diagnosis.evaluation.intervals import CONFIDENCE, Interval
from diagnosis.evaluation.operating import Estimate

QUANTITIES = ("accuracy", "precision", "sensitivity", "specificity", "auc")


@dataclass(frozen=True, slots=True)
class Performance:
    """Five numbers over ``n`` cases, None where they are undefined: precision of a class nobody is called."""

    n: int
    accuracy: Estimate | None
    precision: Estimate | None
    sensitivity: Estimate | None
    specificity: Estimate | None
    auc: Estimate | None


@dataclass(frozen=True, slots=True)
class Classification:
    """``by_class``: each class against the rest. ``overall``: their means, but accuracy is the share of cases
    whose most probable class is the true one; of two classes the first is the positive one and alone counts.
    """

    overall: Performance
    by_class: dict[str, Performance]


def classification(
    truth: Sequence[str], probabilities: ArrayLike, classes: Sequence[str],
    *, draws: int = DRAWS, seed: int = SEED,
) -> Classification:  # fmt: skip
    """Return how the most probable class compares with the true one, and how well probabilities rank.

    ``truth`` names the class of each case, ``probabilities`` ``[case, class]`` add up to 1. Intervals are
    percentiles of bootstrap samples, drawn within each class so that every sample has as many of each as the
    data (Efron and Tibshirani 1993); None where all samples agree. Raises ValueError.
    """
    table = probability_table(truth, probabilities, classes)
    true = np.array([list(classes).index(name) for name in truth])
    times = np.concatenate([np.ones((1, len(true))), _drawn(true, draws, np.random.default_rng(seed))])
    right = _estimate(times @ (table.argmax(axis=1) == true) / len(true))
    values = np.stack([_values(true == place, table, place, times) for place in range(len(classes))])
    by_class = {
        name: Performance(len(true), *map(_estimate, of)) for name, of in zip(classes, values, strict=True)
    }
    if len(classes) == 2:
        return Classification(by_class[classes[0]], by_class)
    means = [_estimate(of_all) for of_all in values[:, 1:].mean(axis=0)]
    return Classification(Performance(len(true), right, *means), by_class)


def between(
    truth: Sequence[str], probabilities: ArrayLike, classes: Sequence[str], pair: tuple[str, str]
) -> tuple[list[str], Numbers]:
    """Return the cases of two classes and their probabilities of these two, which add up to 1 again.

    A case that is neither by its probabilities counts as half of both.
    """
    places = [list(classes).index(name) for name in pair]
    chosen = np.array([name in pair for name in truth])
    found = np.asarray(probabilities, dtype=np.float64)[chosen][:, places]
    total = found.sum(axis=1, keepdims=True)
    found = np.where(total > 0, found / np.where(total > 0, total, 1.0), 0.5)
    return [name for name in truth if name in pair], found


def _drawn(true: NDArray[np.intp], draws: int, randomness: np.random.Generator) -> Numbers:
    """How often each case comes in each sample, ``[draw, case]``."""
    times = np.zeros((draws, len(true)))
    for place in np.unique(true):
        inside = np.flatnonzero(true == place)
        times[:, inside] = randomness.multinomial(len(inside), np.full(len(inside), 1 / len(inside)), draws)
    return times


def _values(truth: Flags, table: Numbers, place: int, times: Numbers) -> Numbers:
    """QUANTITIES of one class against the rest in each sample, ``[quantity, sample]``; NaN is undefined."""
    called = table.argmax(axis=1) == place
    hits, alarms = times @ (called & truth), times @ (called & ~truth)
    ill, well = times @ truth, times @ ~truth
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.stack([
            (hits + well - alarms) / (ill + well),
            hits / (hits + alarms),
            hits / ill,
            (well - alarms) / well,
            _areas(truth, table[:, place], times) / (ill * well),
        ])  # fmt: skip


def _areas(truth: Flags, scores: Numbers, times: Numbers) -> Numbers:
    """How many pairs of a positive and a negative are in order in each sample; ties are half."""
    above, below = scores[truth][:, None], scores[~truth][None]
    in_order = (above > below) + 0.5 * (above == below)
    return np.asarray(((times[:, truth] @ in_order) * times[:, ~truth]).sum(axis=1))


def _estimate(values: Numbers) -> Estimate | None:
    """The value of the data, which come first, with the interval of the samples."""
    if np.isnan(values[0]):
        return None
    known = values[1:][~np.isnan(values[1:])]
    if len(known) < 2 or np.ptp(known) == 0:
        return Estimate(float(values[0]), None)
    low, high = np.quantile(known, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Estimate(float(values[0]), Interval(float(low), float(high)))
