"""The classifier of Berenguer et al., 2020 (Figure 4): two gated branches, SPP, NetVLAD over the slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Side = Literal["lesions", "types", "none"]
"""Side information. ``lesions``: one binary mask, as published. ``types``: a mask per lesion type, the stated
extension. ``none``: the ablation without a side branch."""
SIDE_CHANNELS: Mapping[Side, int] = {"lesions": 1, "types": 4, "none": 0}
COVID = 1
"""Index of COVID-19 among the two logits; 0 is everything else."""
FEATURES = 64
REDUCTION = 4
"""One cell of the gated features spans that many pixels along y and x."""
SPP_TEXT = (5, 3, 2)
"""Bins per side as the text has them: 38 together, 1.42 M parameters."""
SPP_COUNT = (6, 4, 1)
"""53 bins: the published 1.92 M parameters."""
DESCRIPTOR = 512
CLUSTERS = 64
_SLOPE = 0.01
"""Of the leaky ReLUs; unpublished, so the usual one."""


class Branch(nn.Module):
    """Three convolutions, ``[n, channels, y, x]`` to ``[n, 64, y // 4, x // 4]``: 23,552 parameters."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, 16, 5, padding=2)
        self.rest = nn.Sequential(
            nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.LeakyReLU(_SLOPE), nn.MaxPool2d(2),
            nn.Conv2d(32, FEATURES, 3, padding=1), nn.LeakyReLU(_SLOPE),
        )  # fmt: skip

    def forward(self, image: Tensor) -> Tensor:
        """Return the features."""
        return torch.as_tensor(self.rest(self.first(image)))


class Gate(nn.Module):
    """ReLU of the product of two feature maps (equation 2). Two negative features open it as well."""

    def forward(self, features: Tensor, side: Tensor) -> Tensor:
        """Return the gated features."""
        return functional.relu(features * side)


class Encoder(nn.Module):
    """Both branches and the gate: the part that the CVAE and the classifier share.

    Input float ``[n, 1 + side channels, y, x]``: CT 0..1, masked by the lungs, then the masks 0 or 1. Output
    ``[n, 64, y // 4, x // 4]``, not negative. Without side information there is one branch, rectified.
    """

    def __init__(self, side: Side = "lesions") -> None:
        super().__init__()
        self.image = Branch(1)
        self.side = Branch(SIDE_CHANNELS[side]) if SIDE_CHANNELS[side] else None
        self.gate = Gate() if self.side is not None else nn.ReLU()

    def forward(self, image: Tensor) -> Tensor:
        """Return the gated features."""
        features = self.image(image[:, :1])
        if self.side is None:
            return torch.as_tensor(self.gate(features))
        return torch.as_tensor(self.gate(features, self.side(image[:, 1:])))


class SpatialPyramidPool(nn.Module):
    """The largest value of each feature in the cells of several grids, whatever the size of the map.

    ``[n, features, y, x]`` to ``[n, features * bins]``. The paper calls the grids kernels; only grids give
    descriptors of one length.
    """

    def __init__(self, sides: Sequence[int]) -> None:
        super().__init__()
        self.grids = nn.ModuleList(nn.AdaptiveMaxPool2d(side) for side in sides)

    def forward(self, features: Tensor) -> Tensor:
        """Return the largest values, grid by grid."""
        return torch.cat([grid(features).flatten(1) for grid in self.grids], dim=1)


class NetVLAD(nn.Module):
    """Descriptors of a set as one vector (Arandjelovic et al., 2016): residuals to 64 learned centroids.

    ``[slices, 512]`` to ``[1, 64 * 512]``; the order of the slices does not matter.
    """

    def __init__(self, descriptor: int = DESCRIPTOR, clusters: int = CLUSTERS) -> None:
        super().__init__()
        self.assign = nn.Linear(descriptor, clusters)
        self.centroids = nn.Parameter(torch.empty(clusters, descriptor))
        nn.init.normal_(self.centroids, std=descriptor**-0.5)

    def forward(self, descriptors: Tensor) -> Tensor:
        """Return the residuals, summed per cluster, normed per cluster and as a whole."""
        shares = self.shares(descriptors)
        residuals = shares.T @ descriptors - shares.sum(dim=0)[:, None] * self.centroids
        return functional.normalize(functional.normalize(residuals, dim=1).flatten(), dim=0)[None]

    def shares(self, descriptors: Tensor) -> Tensor:
        """Return the part of each descriptor that belongs to each cluster, ``[slices, clusters]``."""
        return torch.as_tensor(self.assign(descriptors)).softmax(dim=1)


class ICovid(nn.Module):
    """The classifier: the slices of one scan in, two logits ``[1, 2]`` out (``COVID`` is that of COVID-19).

    Slices as `Encoder` takes them, of any size from 4 x 4 pixels on, in any number. ``spp`` are the sides of
    the grids of the pyramid: 1,423,938 parameters with ``SPP_TEXT``, 1,915,458 with ``SPP_COUNT``.
    """

    def __init__(self, side: Side = "lesions", spp: Sequence[int] = SPP_TEXT) -> None:
        super().__init__()
        self.encoder = Encoder(side)
        bins = sum(cells**2 for cells in spp)
        self.describe = nn.Sequential(
            SpatialPyramidPool(spp), nn.Linear(FEATURES * bins, DESCRIPTOR), nn.ReLU()
        )
        self.vlad = NetVLAD()
        self.classes = nn.Linear(CLUSTERS * DESCRIPTOR, 2)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits of the slices of one scan."""
        return self.classify(self.descriptors(image))

    def descriptors(self, image: Tensor) -> Tensor:
        """Return ``[n, 512]``, one descriptor per slice; slices of several scans may go together."""
        return torch.as_tensor(self.describe(self.encoder(image)))

    def classify(self, descriptors: Tensor) -> Tensor:
        """Return the logits of one scan from the descriptors of all its slices."""
        return torch.as_tensor(self.classes(self.vlad(descriptors)))
