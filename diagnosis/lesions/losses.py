"""Generalised Wasserstein Dice loss over lesion types (Fidon et al., 2017; Berenguer et al., 2020). For
training only: MONAI, which is slow to import, is imported here."""

from __future__ import annotations

import numpy as np
from monai.losses.dice import GeneralizedWassersteinDiceLoss
from torch import nn

from diagnosis.lesions.unet3d import CLASSES
from diagnosis.results import OTHER_INFECTION
from diagnosis.volume import FloatArray

LESION_FROM_BACKGROUND = 1.0
TYPE_FROM_TYPE = 0.5
TYPE_FROM_COMBINED = 0.25
"""The paper does not publish its distances; these are our interpretation: taking one type for another is half
as wrong as missing it, and taking it for the combined class a quarter."""


def lesion_distances() -> FloatArray:
    """Return the symmetric ``[5, 5]`` distances between `CLASSES`, zero on the diagonal."""
    count = len(CLASSES)
    distances = np.full((count, count), TYPE_FROM_TYPE, dtype=np.float32)
    distances[OTHER_INFECTION, :] = distances[:, OTHER_INFECTION] = TYPE_FROM_COMBINED
    distances[0, :] = distances[:, 0] = LESION_FROM_BACKGROUND
    np.fill_diagonal(distances, 0.0)
    return distances


def wasserstein_dice(distances: FloatArray | None = None) -> nn.Module:
    """Return the loss: called with logits ``[n, classes, ...]`` and class numbers ``[n, ...]``.

    With a matrix of 0 and 1 for two classes and MONAI's default weighting it is the Dice loss of lesion.
    """
    matrix = lesion_distances() if distances is None else distances
    loss: nn.Module = GeneralizedWassersteinDiceLoss(dist_matrix=matrix, weighting_mode="default")
    return loss
