"""From the classes of slices to the classes of a patient. The paper classifies slices only; this is ours."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from diagnosis.systems.multiscale.spec import CLASSES, NP

TOP_SHARE = 0.2
"""Part of a patient's slices that speaks for the patient, unless weights name another. Disease is rarely in
all of them."""


def patient_probabilities(
    slices: NDArray[np.float64], classes: Sequence[str] = CLASSES, share: float = TOP_SHARE
) -> NDArray[np.float64]:
    """Return the probabilities ``[classes]`` of a patient from those of his slices ``[n, classes]``.

    They are the mean over this share of his slices, the same ones for every class, so they add up to 1.
    Raises ValueError without slices.
    """
    return np.asarray(slices[top_slices(slices, classes, share)].mean(axis=0))


def top_slices(
    slices: NDArray[np.float64], classes: Sequence[str] = CLASSES, share: float = TOP_SHARE
) -> NDArray[np.intp]:
    """Return which slices speak for the patient: those with the highest 1 - P(NP), highest first.

    This share of them, rounded up; of equal ones the first. Raises ValueError without slices.
    """
    if not len(slices):
        raise ValueError("a patient needs at least one slice")
    return worst_first(slices, classes)[: math.ceil(share * len(slices))]


def worst_first(slices: NDArray[np.float64], classes: Sequence[str] = CLASSES) -> NDArray[np.intp]:
    """Return all slices in the order of 1 - P(NP), highest first; without NP the surest come first."""
    if NP in classes:
        return np.argsort(slices[:, list(classes).index(NP)], kind="stable")
    return np.argsort(-slices.max(axis=1), kind="stable")
