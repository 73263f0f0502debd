"""What the patch networks are trained to make small (Ghavami Modegh et al., section 2.7)."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from diagnosis.systems.patchwise.network import POSITIVE
from diagnosis.systems.patchwise.patch_labels import PatchLabels
from diagnosis.systems.patchwise.patches import COARSE

TOP_PART = 0.3
"""Part of the lungs of a scan, the likeliest ones, that bear the scan's label."""
CONCORDANT_PART = 0.8
DISCORDANT_WEIGHT = 0.1


def lung_loss(logits: Tensor, label: Tensor, own: Tensor | None = None, smoothing: float = 0.0) -> Tensor:
    """Return equation (3): the cross-entropy of the likeliest lungs of each scan with the scan's label.

    ``logits`` ``[b, n, 2]`` of n lungs of each of b scans, ``label`` int64 ``[b]``, -1 without a class. The
    top 30 % count, in healthy scans too. ``own`` int64 ``[b, n]``: labels of lungs that are known; these
    count as they are, and the top 30 % are those of the others. -1 where a lung's own label is not known.
    """
    own = torch.full(logits.shape[:2], -1, device=logits.device) if own is None else own
    free = own < 0
    score = (logits[..., POSITIVE] - logits[..., 1 - POSITIVE]).detach().masked_fill(~free, -math.inf)
    rank = score.argsort(dim=1, descending=True).argsort(dim=1)
    top = torch.ceil(TOP_PART * free.sum(dim=1, keepdim=True))
    bears = free & (rank < top) & (label[:, None] >= 0)
    target = torch.where(free, label[:, None], own).clamp_min(0)
    surprise = functional.cross_entropy(
        logits.flatten(0, 1), target.flatten(), reduction="none", label_smoothing=smoothing
    )
    counted = (bears | ~free).flatten().float()
    return (surprise * counted).sum() / counted.sum().clamp_min(1.0)


def concordance_loss(logits: Tensor, coarse: Tensor, counted: Tensor) -> Tensor:
    """Return the mean square between P(lung diseased) and the largest probability of its coarse patches.

    ``logits`` ``[n, 2]``, ``coarse`` ``[n, 2, y, x]``. ``counted`` (0 or 1) ``[n]``: healthy and COVID-19
    only, since other diseases may come without infection.
    """
    lung = logits.softmax(dim=1)[:, POSITIVE]
    worst = coarse.softmax(dim=1)[:, POSITIVE].flatten(1).amax(dim=1)
    return ((lung - worst).square() * counted).sum() / counted.sum().clamp_min(1.0)


def patch_loss(logits: Tensor, labels: PatchLabels, heaviest: float = math.inf) -> Tensor:
    """Return the weighted cross-entropy of patches ``[n, 2, y, x]``.

    Of semi-infection labels the 80 % that the network agrees with most weigh 1, the others 0.1. Infected
    patches are then weighed by equation (4), at most ``heaviest``, so that both kinds weigh the same.
    """
    surprise = functional.cross_entropy(logits, labels.infected.long(), reduction="none")
    weights = labels.counted.float() * _concordance_weights(surprise.detach(), labels.semi)
    infected = weights * labels.infected
    rest = weights - infected
    balance = (rest.sum() / infected.sum().clamp_min(1e-6)).clamp(max=heaviest)
    weights = rest + infected * balance
    return (surprise * weights).sum() / weights.sum().clamp_min(1e-6)


def pointer_loss(coarse: Tensor, look: Tensor) -> Tensor:
    """Return how little the likeliest coarse patch of every region that was pointed at is infected.

    ``coarse`` ``[b, n, 2, y, x]`` of n lungs of each of b scans; ``look`` uint8 ``[b, n, 8 y, 8 x]`` numbers
    the regions of a scan, 0 elsewhere. A region asks for one infected patch in all lungs of its scan
    together: a patch belongs to it when one of the 8 x 8 pixels around the patch's middle does.
    """
    certain = coarse.log_softmax(dim=2)[:, :, POSITIVE]
    terms = []
    for scan, regions in zip(certain, look, strict=True):
        for number in regions.unique().tolist():
            if number:
                inside = functional.max_pool2d((regions == number).float(), COARSE.stride) > 0
                terms.append(-scan[inside].amax())
    return torch.stack(terms).mean() if terms else coarse.sum() * 0.0


def type_loss(logits: Tensor, shares: Tensor, known: Tensor, weight: float) -> Tensor:
    """Return the cross-entropy between logits ``[n, k, y, x]`` and the root of the shares of lesion values.

    The root, because a lesion that fills a tenth of a patch should be seen. ``known`` (0 or 1)
    ``[n, 1, y, x]``; ``weight`` is that of what is there against what is not.
    """
    surprise = functional.binary_cross_entropy_with_logits(
        logits, shares.sqrt(), reduction="none",
        pos_weight=torch.full((logits.shape[1], 1, 1), weight, device=logits.device),
    )  # fmt: skip
    return (surprise * known).sum() / known.sum().clamp_min(1.0)


def _concordance_weights(surprise: Tensor, semi: Tensor) -> Tensor:
    """1 for the concordant 80 % of semi-infection labels and for every other label, else 0.1."""
    weights = torch.ones_like(surprise)
    if semi.any():
        limit = torch.quantile(surprise[semi].float(), CONCORDANT_PART)
        weights[semi & (surprise > limit)] = DISCORDANT_WEIGHT
    return weights
