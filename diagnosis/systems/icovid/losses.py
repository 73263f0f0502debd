"""The loss of icovid's classifier (Berenguer et al., 2020, equation 7; Lin et al., 2020)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

PAPER_WEIGHTS = (0.25, 0.35)
"""Of scans without and with COVID-19 (section 5.1)."""
PAPER_GAMMA = 5.0


def focal_loss(
    logits: Tensor, target: Tensor, weights: Sequence[float] = PAPER_WEIGHTS, gamma: float = PAPER_GAMMA
) -> Tensor:
    """Return the mean of -weight (1 - p)^gamma log p, p being the probability of the true class.

    ``logits`` ``[n, classes]``, ``target`` int64 ``[n]``. With gamma 0 and weights 1 it is the cross-entropy.
    """
    log = functional.log_softmax(logits, dim=1).gather(1, target[:, None])[:, 0]
    of_class = torch.tensor(weights, dtype=logits.dtype, device=logits.device)[target]
    return -(of_class * (1 - log.exp()) ** gamma * log).mean()
