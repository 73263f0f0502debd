"""Counts at every threshold, from the strictest down: what curves, areas and operating points come from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

from diagnosis.evaluation.cases import Cases, Numbers

ROUNDING = 1e-9
"""Slack of count comparisons, so that 0.95 of 20 cases is 19 of them and not 20."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """One row per sample of the cases, one rung per threshold.

    ``thresholds`` ``[rung]`` fall; a case counts as positive when its score is at least the threshold, and
    at the last rung all do. ``true_positives`` and ``false_positives`` are float64 ``[row, rung]``. Every
    row has the same number of ``positives`` and ``negatives``, both above 0.
    """

    thresholds: Numbers
    true_positives: NDArray[np.float64]
    false_positives: NDArray[np.float64]
    positives: int
    negatives: int

    def roc_area(self) -> Numbers:
        """Return the area under the ROC curve of each row (trapezoids: ties count half)."""
        steps = np.diff(self.false_positives, axis=1, prepend=0)
        heights = self.true_positives - np.diff(self.true_positives, axis=1, prepend=0) / 2
        areas: Numbers = (steps * heights).sum(axis=1) / (self.positives * self.negatives)
        return areas

    def average_precision(self) -> Numbers:
        """Return the average precision of each row: precision weighted by the gain of recall."""
        called = self.true_positives + self.false_positives
        precision = np.divide(self.true_positives, called, out=np.zeros_like(called), where=called > 0)
        gains = np.diff(self.true_positives, axis=1, prepend=0)
        means: Numbers = (gains * precision).sum(axis=1) / self.positives
        return means

    def rung_at_sensitivity(self, least: float) -> NDArray[np.intp]:
        """Return for each row the strictest rung whose sensitivity reaches ``least``: the last does."""
        return np.asarray(np.argmax(self.true_positives >= least * self.positives - ROUNDING, axis=1))

    def rungs_at_specificity(self, least: float) -> NDArray[np.intp]:
        """Return for each row how many rungs keep ``least`` specificity; 0: only calling nobody does."""
        allowed = (1 - least) * self.negatives + ROUNDING
        return np.asarray(np.count_nonzero(self.false_positives <= allowed, axis=1))

    def false_positive_rate_at_sensitivity(self, least: float) -> Numbers:
        """Return for each row the share of negatives called positive where sensitivity reaches ``least``."""
        rungs = self.rung_at_sensitivity(least)[:, None]
        found: Numbers = np.take_along_axis(self.false_positives, rungs, axis=1)[:, 0] / self.negatives
        return found

    def sensitivity_at_specificity(self, least: float) -> Numbers:
        """Return for each row the highest sensitivity that keeps ``least`` specificity."""
        reached = np.pad(self.true_positives, ((0, 0), (1, 0)))
        rungs = self.rungs_at_specificity(least)[:, None]
        found: Numbers = np.take_along_axis(reached, rungs, axis=1)[:, 0] / self.positives
        return found


def ladder_of(cases: Cases) -> Ladder | None:
    """Return the ladder of the cases in one row, or None when a class is missing."""
    if not cases.both_classes:
        return None
    found = metrics.confusion_matrix_at_thresholds(cases.truth, cases.scores)
    _, false_positives, _, true_positives, thresholds = found
    return Ladder(
        thresholds=thresholds,
        true_positives=true_positives[None],
        false_positives=false_positives[None],
        positives=cases.positives,
        negatives=cases.negatives,
    )
