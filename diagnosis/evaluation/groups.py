"""The same measures for each centre and each CO-RADS category."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from diagnosis.evaluation.cases import Cases, Flags, cases_of
from diagnosis.evaluation.delong import Area, roc_area
from diagnosis.evaluation.intervals import CONFIDENCE, Rate, rate
from diagnosis.evaluation.operating import OperatingPoint, at_threshold

CO_RADS: Mapping[int, str] = {
    0: "not interpretable",
    1: "very low",
    2: "low",
    3: "equivocal",
    4: "high",
    5: "very high",
    6: "proven",
}
"""Suspicion of pulmonary involvement of COVID-19 (Prokop et al., Radiology 2020, Table 1)."""
NO_SUSPICION = (0, 6)
"""Categories that grade no suspicion from the images: not interpretable, and proven by PCR."""


@dataclass(frozen=True, slots=True)
class GroupPerformance:
    """How one group of cases came off. ``area`` is None when the group has one class only."""

    prevalence: Rate
    """Share of positive cases."""
    area: Area | None
    at_threshold: OperatingPoint


def by_group(
    truth: ArrayLike,
    scores: ArrayLike,
    groups: Sequence[str],
    threshold: float,
    confidence: float = CONFIDENCE,
) -> dict[str, GroupPerformance]:
    """Return the performance in each group, for example centre or scanner, by name in alphabetical order.

    ``groups`` names the group of each case. One ``threshold`` serves all groups, as it would at work.
    Raises ValueError.
    """
    cases = cases_of(truth, scores)
    _check_length(cases, groups)
    names = np.asarray(groups)
    return {str(name): _performance(cases, names == name, threshold, confidence) for name in np.unique(names)}


def by_co_rads(
    truth: ArrayLike,
    scores: ArrayLike,
    categories: Sequence[int],
    threshold: float,
    confidence: float = CONFIDENCE,
) -> dict[int, GroupPerformance]:
    """Return the performance among the cases of each CO-RADS category that a reader gave, rising.

    Categories without cases are absent. Raises ValueError for a category outside 0 to 6.
    """
    cases = cases_of(truth, scores)
    _check_length(cases, categories)
    given = np.asarray(categories)
    _check_categories(given)
    return {
        int(category): _performance(cases, given == category, threshold, confidence)
        for category in np.unique(given)
    }


def co_rads_area(truth: ArrayLike, categories: Sequence[int], confidence: float = CONFIDENCE) -> Area | None:
    """Return the area under the ROC curve of the reader, whose CO-RADS 1 to 5 is taken as the score.

    Cases of category 0 and 6 are left out. None when the rest lacks a class. Raises ValueError.
    """
    cases = cases_of(truth, categories)
    given = np.asarray(categories)
    _check_categories(given)
    graded = ~np.isin(given, NO_SUSPICION)
    if not graded.any():
        return None
    return roc_area(cases.truth[graded], cases.scores[graded], confidence)


def _check_categories(categories: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> None:
    strange = set(np.unique(categories).tolist()) - set(CO_RADS)
    if strange:
        raise ValueError(f"{min(strange)} is no CO-RADS category: they are 0 to 6.")


def _check_length(cases: Cases, groups: Sequence[str] | Sequence[int]) -> None:
    if len(groups) != len(cases.truth):
        raise ValueError(f"There are {len(cases.truth)} cases but {len(groups)} groups.")


def _performance(cases: Cases, inside: Flags, threshold: float, confidence: float) -> GroupPerformance:
    truth, scores = cases.truth[inside], cases.scores[inside]
    prevalence = rate(int(truth.sum()), len(truth), confidence)
    if prevalence is None:
        raise ValueError("A group has no case.")
    area = roc_area(truth, scores, confidence)
    return GroupPerformance(prevalence, area, at_threshold(truth, scores, threshold, confidence))
