"""What goes into a measure, checked once, and the rule for what can not be measured.

In the whole package a quantity that sound input leaves undefined (one class only, an empty mask, too few
cases) is None, never 0, 1 or NaN. Input that makes no sense (other lengths, NaN, labels that are neither 0
nor 1, no case at all) raises ValueError with a sentence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Numbers = NDArray[np.float64]
Counts = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Cases:
    """One entry per case: ``truth`` (bool): is it positive? ``scores`` (float64), high for positive."""

    truth: Flags
    scores: Numbers

    @property
    def positives(self) -> int:
        """Number of positive cases."""
        return int(self.truth.sum())

    @property
    def negatives(self) -> int:
        """Number of negative cases."""
        return len(self.truth) - self.positives

    @property
    def both_classes(self) -> bool:
        """Whether there is a positive and a negative case."""
        return self.positives > 0 and self.negatives > 0


def cases_of(truth: ArrayLike, scores: ArrayLike) -> Cases:
    """Return the cases. ``truth`` holds 0 and 1 (or bool), ``scores`` finite numbers. Raises ValueError."""
    flags, numbers = flags_of(truth), numbers_of(scores, "A score")
    if len(flags) != len(numbers):
        raise ValueError(f"There are {len(flags)} labels but {len(numbers)} scores.")
    return Cases(flags, numbers)


def flags_of(truth: ArrayLike) -> Flags:
    """Return one bool per case from 0 and 1. Raises ValueError for anything else, and for no case."""
    values = np.asarray(truth)
    if values.ndim != 1 or not len(values):
        raise ValueError("The labels must be a list with at least one case.")
    if values.dtype.kind not in "biuf" or not np.isin(values, (0, 1)).all():
        raise ValueError("A label is neither 0 nor 1.")
    return values.astype(bool)


def numbers_of(values: ArrayLike, name: str) -> Numbers:
    """Return a list of numbers as float64. Raises ValueError for no list and for NaN and infinity."""
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1 or not len(numbers):
        raise ValueError(f"{name} is needed for at least one case, as a list.")
    if not np.isfinite(numbers).all():
        raise ValueError(f"{name} is not a finite number.")
    return numbers


def probabilities_of(values: ArrayLike) -> Numbers:
    """Return a list of probabilities as float64. Raises ValueError when one lies outside 0..1."""
    numbers = numbers_of(values, "A probability")
    if numbers.min() < 0 or numbers.max() > 1:
        raise ValueError("A probability lies outside 0 to 1.")
    return numbers
