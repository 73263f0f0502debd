"""What is read from the validation part once a classifier is trained: how well it answers, and the scale of
its maps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from diagnosis.evaluation.delong import roc_area
from diagnosis.volume import FloatArray

REFERENCE_PERCENTILE = 99.5
"""Of the lung voxels of positive studies: what is shown as 1.0."""
THRESHOLD_PERCENTILE = 95.0
"""Regions hold the top 5 % of those voxels, of all studies together, not of each (Wang et al., TMI 2020,
section III-D; other papers name no threshold)."""

_NOTHING_TO_SEE = {"reference": 1.0, "threshold": 1.0}
"""Of a map that is empty in every positive study, as after too few steps: any scale shows it as it is."""


def read_answers(truth: NDArray[np.bool_], found: NDArray[np.float64]) -> dict[str, float]:
    """Return AUC, accuracy at 0.5 and mean cross-entropy of probabilities."""
    area = roc_area(truth, found)
    likely = np.clip(np.where(truth, found, 1 - found), 1e-6, 1.0)
    return {
        "auc": 0.0 if area is None else area.value,
        "accuracy": float(((found >= 0.5) == truth).mean()),
        "cross_entropy": float(-np.log(likely).mean()),
    }


def scale_of(values: FloatArray) -> dict[str, float]:
    """Return ``reference`` and ``threshold`` (on the scale of the reference) of a map, given its raw values
    at the lung voxels of positive studies."""
    reference, threshold = np.percentile(values, (REFERENCE_PERCENTILE, THRESHOLD_PERCENTILE))
    if not reference > 0:
        return dict(_NOTHING_TO_SEE)
    return {"reference": float(reference), "threshold": float(threshold / reference)}
