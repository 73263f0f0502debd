"""What the multi-scale classifier is taught by: the class of slices (Hu et al., 2020, eq. 1), and where the
class shows in its maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from diagnosis.results import INFECTED_VALUES
from diagnosis.systems.multiscale.network import stride_of
from diagnosis.systems.multiscale.spec import CLASSES, NP, Level
from diagnosis.systems.multiscale.training_inputs import LOOK, NO_CLASS
from diagnosis.training.losses import focal_loss as focal

GAMMA = 1.0
"""Of the focal factor, as published."""
INFECTED_WEIGHT = 4.0
"""Of cells with infection against those without, which are far more."""
_KNOWN = 0.7
"""Part of a cell that must be known for the cell to count."""


def focal_loss(scores: Tensor, target: Tensor, weights: Tensor, gamma: float = GAMMA) -> Tensor:
    """Return the class-balanced focal loss, eq. (1): the mean of -w (1 - P)^gamma log P.

    P is the probability of the true class among scores ``[n, classes]``, w the weight of that class. Slices
    whose ``target`` is NO_CLASS are left out. The gradient goes through the factor too, as in Lin et al.,
    2017.
    """
    counted = target != NO_CLASS
    return focal(scores[counted], target[counted], weights, gamma)


def class_weights(shares: Sequence[float]) -> Tensor:
    """Return the weight of each class, the inverse of its share of the slices; their mean over slices is 1.

    A class without slices has weight 0.
    """
    total = sum(shares)
    present = sum(share > 0 for share in shares)
    return torch.tensor([total / (share * present) if share > 0 else 0.0 for share in shares])


def cell_loss(
    maps: Mapping[Level, Tensor], lesions: Tensor, classes: Tensor, names: Sequence[str] = CLASSES
) -> Tensor:
    """Return the cross-entropy between class maps and where the infections of each class lie.

    The map of an ill class is to be the (root of the) share of infected pixels in a cell of a study of that
    class, and nothing elsewhere; what looks like an infection is none. The root, because a lesion that fills
    a tenth of a cell should be seen. Unknown cells do not count; a region that holds infection somewhere asks
    for one infected cell. The map of NP is taught by the classes of slices alone. ``names`` are the classes
    of the maps. The mean of all levels.
    """
    infected, known = _infected(lesions).float()[:, None], (lesions < LOOK).float()[:, None]
    looked_at = (lesions == LOOK).float()[:, None]
    ill = [index for index, name in enumerate(names) if name != NP]
    mine = torch.stack([classes == index for index in ill], dim=1)[:, :, None, None].float()
    losses = []
    for level, found in maps.items():
        stride = stride_of(level)
        part = functional.avg_pool2d(known, stride)
        share = functional.avg_pool2d(infected, stride) / part.clamp_min(1e-3)
        scores = found[:, ill].float()
        surprise = functional.binary_cross_entropy_with_logits(
            scores, share.sqrt() * mine, reduction="none",
            pos_weight=torch.full((len(ill), 1, 1), INFECTED_WEIGHT, device=scores.device),
        )  # fmt: skip
        counted = (part >= _KNOWN).float()
        losses.append((surprise * counted).sum() / (counted.sum() * len(ill)).clamp_min(1.0))
        losses.append(_look_loss(scores, functional.max_pool2d(looked_at, stride) > 0, mine))
    return torch.stack(losses).sum() / len(maps)


def _infected(lesions: Tensor) -> Tensor:
    return (lesions >= min(INFECTED_VALUES)) & (lesions <= max(INFECTED_VALUES))


def _look_loss(scores: Tensor, looked_at: Tensor, mine: Tensor) -> Tensor:
    """Cross-entropy of the strongest cell of looked-at regions, in the map of the study's class."""
    strongest = torch.where(looked_at, scores, -torch.inf).amax(dim=(2, 3))
    asked = (mine[:, :, 0, 0] > 0) & looked_at.flatten(1).any(dim=1, keepdim=True)
    return functional.softplus(-strongest[asked]).sum() / max(1, len(scores))
