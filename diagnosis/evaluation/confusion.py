"""Several classes at once: confusion matrix, accuracy, and each class against the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from sklearn import metrics

from diagnosis.evaluation.cases import Counts, Numbers
from diagnosis.evaluation.delong import Area, roc_area
from diagnosis.evaluation.intervals import CONFIDENCE, Rate, rate
from diagnosis.evaluation.operating import Decisions, Rates

ROUNDING = 1e-3
"""How far probabilities of one case may be from adding up to 1: those of half precision are rounded."""


@dataclass(frozen=True, slots=True)
class OneAgainstRest:
    """In ``rates`` sensitivity is recall and positive predictive value is precision."""

    rates: Rates
    area: Area | None


@dataclass(frozen=True, slots=True)
class Confusion:
    """``matrix`` int64 ``[true class, predicted class]`` in the order of ``classes``.

    Means over the classes (macro) are None when one class lacks the quantity.
    """

    classes: tuple[str, ...]
    matrix: Counts
    accuracy: Rate
    one_against_rest: dict[str, OneAgainstRest]

    @property
    def mean_precision(self) -> float | None:
        """Mean positive predictive value of the classes."""
        return _mean([_value(rates.positive_predictive_value) for rates in self._rates])

    @property
    def mean_sensitivity(self) -> float | None:
        """Mean sensitivity of the classes, also called balanced accuracy."""
        return _mean([_value(rates.sensitivity) for rates in self._rates])

    @property
    def mean_specificity(self) -> float | None:
        """Mean specificity of the classes."""
        return _mean([_value(rates.specificity) for rates in self._rates])

    @property
    def mean_area(self) -> float | None:
        """Mean area under the ROC curves of the classes."""
        return _mean([part.area.value if part.area else None for part in self.one_against_rest.values()])

    @property
    def _rates(self) -> list[Rates]:
        return [part.rates for part in self.one_against_rest.values()]


def confusion_of(
    truth: Sequence[str], probabilities: ArrayLike, classes: Sequence[str], confidence: float = CONFIDENCE
) -> Confusion:
    """Return how the most probable class compares with the true one.

    ``truth`` names the class of each case, ``probabilities`` ``[case, class]`` add up to 1 in the order of
    ``classes``; of equals the earlier class is taken. Raises ValueError.
    """
    table = probability_table(truth, probabilities, classes)
    true = np.array([list(classes).index(name) for name in truth])
    predicted = table.argmax(axis=1)
    matrix = metrics.confusion_matrix(true, predicted, labels=range(len(classes)))
    accuracy = rate(int(np.trace(matrix)), len(true), confidence)
    if accuracy is None:
        raise ValueError("There is no case.")
    return Confusion(
        classes=tuple(classes),
        matrix=matrix,
        accuracy=accuracy,
        one_against_rest={
            name: OneAgainstRest(
                rates=_decisions(matrix, place).rates(confidence),
                area=roc_area(true == place, table[:, place], confidence),
            )
            for place, name in enumerate(classes)
        },
    )


def probability_table(truth: Sequence[str], probabilities: ArrayLike, classes: Sequence[str]) -> Numbers:
    """Return the probabilities ``[case, class]`` once they fit the true classes.

    Raises ValueError, also when a case does not add up to 1.
    """
    table = np.asarray(probabilities, dtype=np.float64)
    if len(classes) < 2 or len(set(classes)) != len(classes):
        raise ValueError("At least two classes are needed, each named once.")
    if table.shape != (len(truth), len(classes)) or not len(truth):
        raise ValueError(f"{len(truth)} cases of {len(classes)} classes need as many probabilities.")
    sums = table.sum(axis=1)
    if not np.isfinite(table).all() or (table < 0).any() or np.abs(sums - 1).max() > ROUNDING:
        raise ValueError("The probabilities of a case must lie between 0 and 1 and add up to 1.")
    strange = set(truth) - set(classes)
    if strange:
        raise ValueError(f"{min(strange)} is none of the classes {', '.join(classes)}.")
    return table


def _decisions(matrix: Counts, place: int) -> Decisions:
    hits = int(matrix[place, place])
    return Decisions(
        true_positives=hits,
        false_positives=int(matrix[:, place].sum()) - hits,
        false_negatives=int(matrix[place].sum()) - hits,
        true_negatives=int(matrix.sum() - matrix[:, place].sum() - matrix[place].sum()) + hits,
    )


def _value(found: Rate | None) -> float | None:
    return None if found is None else found.value


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None
