"""How well label volumes overlap with the truth: Dice, Jaccard and volume error, by label or set of labels.

Everything comes from one table of joint counts, made in one pass over the voxels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from diagnosis.evaluation.cases import Counts
from diagnosis.volume import BoolArray, LabelArray

VALUES = 256
"""Labels are uint8."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two masks of one thing in ml. Ratios are None where they are not defined."""

    predicted_ml: float
    truth_ml: float
    shared_ml: float

    @property
    def dice(self) -> float | None:
        """Twice the shared volume over the sum of both; None when both masks are empty."""
        both = self.predicted_ml + self.truth_ml
        return 2 * self.shared_ml / both if both else None

    @property
    def jaccard(self) -> float | None:
        """Shared volume over the volume of the union; None when both masks are empty."""
        union = self.predicted_ml + self.truth_ml - self.shared_ml
        return self.shared_ml / union if union else None

    @property
    def volume_error_ml(self) -> float:
        """Predicted minus true volume."""
        return self.predicted_ml - self.truth_ml

    @property
    def volume_error_percent(self) -> float | None:
        """Volume error in percent of the true volume; None when that is 0."""
        return 100 * self.volume_error_ml / self.truth_ml if self.truth_ml else None


def joint_counts(predicted: LabelArray, truth: LabelArray, ignore: BoolArray | None = None) -> Counts:
    """Return int64 ``[256, 256]``: entry [p, t] counts the voxels of predicted label p and true label t.

    The volumes are ``[z, y, x]`` on one grid (uint8 or bool). Voxels of ``ignore`` are not counted. Raises
    ValueError for different grids and for other types.
    """
    if predicted.shape != truth.shape or (ignore is not None and ignore.shape != truth.shape):
        raise ValueError(f"The prediction {predicted.shape} and the truth {truth.shape} are not on one grid.")
    if predicted.itemsize != 1 or truth.itemsize != 1:
        raise ValueError("Label volumes are uint8.")
    counts = np.zeros(VALUES * VALUES, np.int64)
    for place, (found, true) in enumerate(zip(predicted, truth, strict=True)):
        codes = found.astype(np.uint16) * VALUES + true
        kept = codes.ravel() if ignore is None else codes[~ignore[place]]
        counts += np.bincount(kept, minlength=VALUES * VALUES)
    return counts.reshape(VALUES, VALUES)


def overlap_of(counts: Counts, values: Sequence[int], voxel_ml: float) -> Overlap:
    """Return the overlap of the labels ``values``, taken together, from ``joint_counts``."""
    chosen = list(values)
    return Overlap(
        predicted_ml=int(counts[chosen].sum()) * voxel_ml,
        truth_ml=int(counts[:, chosen].sum()) * voxel_ml,
        shared_ml=int(counts[np.ix_(chosen, chosen)].sum()) * voxel_ml,
    )


def overlap_by_label(counts: Counts, names: Mapping[int, str], voxel_ml: float) -> dict[str, Overlap]:
    """Return the overlap of every named label, for example of ``results.LOBES``."""
    return {name: overlap_of(counts, [value], voxel_ml) for value, name in names.items()}


def overlap_of_masks(
    predicted: BoolArray, truth: BoolArray, voxel_ml: float, ignore: BoolArray | None = None
) -> Overlap:
    """Return the overlap of two masks ``[z, y, x]`` without the voxels of ``ignore``. Raises ValueError."""
    found, true = predicted.astype(bool), truth.astype(bool)
    counts = joint_counts(found.view(np.uint8), true.view(np.uint8), ignore)
    return overlap_of(counts, [1], voxel_ml)
