"""Can a set of voxels be the lungs of a person? Asked of every way to find them."""

from __future__ import annotations

import numpy as np

from diagnosis.geometry import RefusedInput
from diagnosis.lungs.morphology import Spacing
from diagnosis.volume import FloatArray, LabelArray

_SMALLEST_ML = 250.0
_LARGEST_ML = 12000.0
_EMPTIEST_HU = -965.0
AERATED_HU = -350.0
"""Highest median density of the air-filled part of lungs."""
DISEASED_HU = -100.0
"""Highest median density of lungs with all their consolidation: both are mostly solid then."""


def no_lungs(reason: str) -> RefusedInput:
    """Return the refusal (code ``no_lungs``) of a series, with its reason in words."""
    return RefusedInput("no_lungs", f"No lungs found: {reason}. Choose a CT of the chest.")


def check_lungs(
    hu: FloatArray, labels: LabelArray, spacing_mm: Spacing, densest_hu: float = AERATED_HU
) -> None:
    """Raise RefusedInput for what is too small, too large, empty or solid to be the lungs of a person."""
    lungs = labels > 0
    volume_ml = float(lungs.sum()) * float(np.prod(spacing_mm)) / 1000.0
    if volume_ml < _SMALLEST_ML:
        raise no_lungs("there is not enough air inside the body")
    if volume_ml > _LARGEST_ML:
        raise no_lungs(f"the air inside the body is {volume_ml / 1000:.1f} litres, more than any lungs")
    if not _EMPTIEST_HU < float(np.median(hu[lungs])) < densest_hu:
        raise no_lungs("the air inside the body does not have the density of lung")
