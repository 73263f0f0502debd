"""Losses that several networks share."""

from __future__ import annotations

from torch import Tensor

_SMOOTH = 1.0
"""Voxels added above and below, so that a batch without the class gives 0, not 0 / 0."""


def dice_loss(probability: Tensor, truth: Tensor, counted: Tensor | None = None) -> Tensor:
    """Return 1 - Dice over the whole batch (Milletari et al., 2016, without squares).

    ``probability`` and ``truth`` (0 or 1) have one shape; ``counted`` (0 or 1) leaves voxels out.
    """
    if counted is not None:
        probability, truth = probability * counted, truth * counted
    shared = (probability * truth).sum()
    return 1 - (2 * shared + _SMOOTH) / (probability.sum() + truth.sum() + _SMOOTH)
