"""Losses that several networks share."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

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


def focal_loss(logits: Tensor, target: Tensor, weights: Tensor, gamma: float) -> Tensor:
    """Return the mean of -weight (1 - p)^gamma log p, p being the probability of the true class.

    ``logits`` ``[n, classes]``, ``target`` int64 ``[n]``, a weight for each class. The gradient goes through
    the factor too (Lin et al., 2017). With gamma 0 and weights 1 it is the cross-entropy; 0 without a case.
    """
    surprise = functional.cross_entropy(logits.float(), target, reduction="none")
    parts = weights[target] * (1 - torch.exp(-surprise)) ** gamma * surprise
    return parts.sum() / max(1, len(parts))
