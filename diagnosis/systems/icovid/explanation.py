"""Why icovid answers as it does: relevance of lung and lesion pixels (Berenguer et al., 2020, section 4.3).

The composite: LRP-0 in the linear layers, alpha 2 and beta -1 in the convolutions, z^B in the first one of
each branch, all to the largest value in pools and in the pyramid, gradient times input through the gate and
through NetVLAD, whose assignment of slices to clusters is held as it is.
"""

from __future__ import annotations

from functools import partial
from typing import Literal, cast

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor, nn

from diagnosis.explanation.relevance import Relevance, Rule, Rules
from diagnosis.explanation.relevance_rules import (
    AlphaBeta,
    Bounded,
    Product,
    Proportional,
    passed,
    stabilised,
)
from diagnosis.systems.icovid.network import COVID, Gate, ICovid, NetVLAD
from diagnosis.volume import FloatArray

Gating = Literal["half", "both"]
"""What each factor of the gate gets. ``both``: all of it, as gradient times input says; the sum doubles.
``half``: the sum stays. The maps differ by a factor of two, nothing else."""
LinearRule = Literal["kept", "shared"]
"""See `Proportional`."""
SMOOTHING_PX = 2.0
POOL = 2
_TOGETHER_ON_GPU = 32


class Explainer:
    """Relevance of one network's input, in two steps: logit to slices, slice to pixels.

    The network must be in evaluation mode; it stays as it is.
    """

    def __init__(self, network: ICovid, gating: Gating = "half", linear: LinearRule = "kept") -> None:
        rules = _rules(gating, linear)
        self._slices = Relevance(nn.Sequential(network.vlad, network.classes).eval(), rules)
        self._pixels = Relevance(nn.Sequential(network.encoder, network.describe).eval(), rules)

    def of_slices(self, descriptors: Tensor) -> Tensor:
        """Return how much each value of the descriptors ``[slices, 512]`` speaks for COVID-19.

        They add up to the logit but for what the bias and the centroids hold.
        """
        return self._slices(descriptors, _logit)

    def of_pixels(self, image: Tensor, descriptors: Tensor, relevance: Tensor) -> Tensor:
        """Return the relevance of slices ``[n, channels, y, x]``, of that shape.

        ``descriptors`` and ``relevance`` ``[n, 512]`` are those of these slices, from `of_slices`. The
        descriptors may have been computed in a coarser number format.
        """
        per_unit = relevance / stabilised(descriptors)
        together = slices_together(image.device)
        parts = [slice(start, start + together) for start in range(0, len(image), together)]
        return torch.cat([self._pixels(image[part], partial(torch.mul, per_unit[part])) for part in parts])


def slices_together(device: torch.device) -> int:
    """Return how many slices of one pass are fastest: on a CPU one, whose working set stays in the cache."""
    return 1 if device.type == "cpu" else _TOGETHER_ON_GPU


def shown(relevance: FloatArray) -> FloatArray:
    """Return what is shown of relevance ``[z, y, x]``: what speaks for COVID-19, smoothed, in fewer pixels.

    The positive part through a Gaussian of 2 pixels in the plane (unpublished width), then means of 2 x 2
    pixels: smoothed like that, nothing finer is left.
    """
    smooth = ndimage.gaussian_filter(np.maximum(relevance, 0), (0, SMOOTHING_PX, SMOOTHING_PX), truncate=3.0)
    depth, height, width = smooth.shape
    cells = smooth.reshape(depth, height // POOL, POOL, width // POOL, POOL)
    return np.asarray(cells.mean(axis=(2, 4)), dtype=np.float32)


def _rules(gating: Gating, linear: LinearRule) -> Rules:
    branches: dict[str | type[nn.Module], Rule] = {
        f"0.{branch}.first": Bounded(0.0, 1.0) for branch in ("image", "side")
    }
    return {
        **branches,
        nn.Conv2d: AlphaBeta(2.0),
        nn.Linear: Proportional(linear),
        nn.ReLU: passed,
        nn.LeakyReLU: passed,
        Gate: Product(0.5 if gating == "half" else 1.0),
        NetVLAD: _frozen_assignment,
    }


def _frozen_assignment(
    layer: nn.Module, given: tuple[Tensor, ...], output: Tensor, relevance: Tensor
) -> tuple[Tensor, ...]:
    """Gradient times input through NetVLAD with assignment and norms held: a matrix product.

    What the centroids contribute stays with them.
    """
    (descriptors,) = given
    layer = cast(NetVLAD, layer)
    shares = layer.shares(descriptors)
    residuals = shares.T @ descriptors - shares.sum(dim=0)[:, None] * layer.centroids
    vectors = output.reshape(residuals.shape)
    norms = vectors.norm(dim=1) / stabilised(residuals.norm(dim=1))
    per_unit = relevance.reshape(residuals.shape) / stabilised(vectors)
    return (descriptors * (shares @ (norms[:, None] * per_unit)),)


def _logit(logits: Tensor) -> Tensor:
    start = torch.zeros_like(logits)
    start[:, COVID] = logits[:, COVID]
    return start
