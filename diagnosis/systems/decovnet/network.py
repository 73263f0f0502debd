"""DeCoVNet (Wang et al., TMI 2020, Table I) and its ablation with a fully connected classifier."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

Head = Literal["released", "paper"]
COVID = 1
"""Index of COVID-19 among the two logits; 0 is everything else."""
FEATURES = 128
REDUCTION = (2, 8, 8)
"""One cell of the features spans that many voxels of the input along z, y, x."""
LEAST_SLICES = 2
_RELEASED_GRIDS = ((16, 24, 36), (4, 12, 18), (1, 6, 9))
_PAPER_GRIDS = ((16, 28, 42),)
_PAPER_DROPOUT = 0.5
_FC_STD = 0.01
_FC_GRID = (4, 4, 6)
_FC_WIDTHS = (FEATURES * 4 * 4 * 6, 3072, 1536, 384, 2)


class Backbone(nn.Module):
    """Stem and two bottleneck blocks: 41,600 parameters.

    Input float ``[n, 2, z, y, x]``: CT 0..1 of -1200..600 HU, lung mask 0 or 1. Output ``[n, 128, z // 2,
    ceil(y / 8), ceil(x / 8)]``, not negative; the last of an odd number of slices is seen by its neighbours
    only. Any size from two slices on; raises ValueError for fewer.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv3d(2, 16, (5, 7, 7), stride=(1, 2, 2), padding=(2, 3, 3), bias=False),
            nn.BatchNorm3d(16), nn.ReLU(inplace=True), nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
        )  # fmt: skip
        self.first = Bottleneck(16, 16, 64, stride=1)
        self.pool = nn.MaxPool3d((2, 1, 1))
        self.second = Bottleneck(64, 32, FEATURES, stride=2)
        for layer in self.modules():
            if isinstance(layer, nn.Conv3d):
                _msra(layer)
        for block in (self.first, self.second):
            block.start_as_shortcut()

    def forward(self, image: Tensor) -> Tensor:
        """Return the features."""
        if image.shape[2] < LEAST_SLICES:
            raise ValueError(f"DeCoVNet needs at least {LEAST_SLICES} slices, not {image.shape[2]}")
        return torch.as_tensor(self.second(self.pool(self.first(self.stem(image)))))


class Bottleneck(nn.Module):
    """Residual block: 3x1x1, 1x3x3 (with the in-plane stride), 1x1x1; a 1x1x1 convolution as shortcut."""

    def __init__(self, before: int, inner: int, after: int, *, stride: int) -> None:
        super().__init__()
        steps = (1, stride, stride)
        self.path = nn.Sequential(
            nn.Conv3d(before, inner, (3, 1, 1), padding=(1, 0, 0), bias=False),
            nn.BatchNorm3d(inner), nn.ReLU(inplace=True),
            nn.Conv3d(inner, inner, (1, 3, 3), stride=steps, padding=(0, 1, 1), bias=False),
            nn.BatchNorm3d(inner), nn.ReLU(inplace=True),
            nn.Conv3d(inner, after, 1, bias=False), nn.BatchNorm3d(after),
        )  # fmt: skip
        self.shortcut = nn.Sequential(
            nn.Conv3d(before, after, 1, stride=steps, bias=False), nn.BatchNorm3d(after)
        )
        self.rectify = nn.ReLU(inplace=True)

    def forward(self, given: Tensor) -> Tensor:
        """Return path + shortcut, rectified."""
        rectified: Tensor = self.rectify(self.path(given) + self.shortcut(given))
        return rectified

    def start_as_shortcut(self) -> None:
        """Set the last norm of the path to zero, so that an untrained block is its shortcut."""
        nn.init.zeros_(self.path[-1].weight)  # type: ignore[arg-type]


class Classifier(nn.Module):
    """A backbone, a ``head`` that pools its features first, and linear layers ``classes`` over the head."""

    head: nn.Sequential
    classes: nn.Sequential

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Backbone()

    def forward(self, image: Tensor) -> Tensor:
        """Return logits ``[n, 2]`` of an input as `Backbone` takes it."""
        return self.classify(self.features(image))

    def features(self, image: Tensor) -> Tensor:
        """Return the features before the head, as `Backbone` gives them."""
        return torch.as_tensor(self.backbone(image))

    def classify(self, features: Tensor) -> Tensor:
        """Return logits ``[n, 2]`` of features ``[n, 128, z, y, x]`` of any size."""
        return torch.as_tensor(self.classes(self.head(features)))


class DeCoVNet(Classifier):
    """The 3-D classifier: one scan in, two logits out (``COVID`` is the index of COVID-19).

    ``head="released"`` is the classifier of the released code: pools to fixed grids 16 x 24 x 36,
    4 x 12 x 18 and 1 x 6 x 9, and two linear layers without an activation between: 346,978 parameters.
    ``head="paper"`` is Table I as printed: 345,922. ``dropout`` None takes the head's own: 0 and 0.5.

    Pools that end on a fixed grid repeat cells where the scan has fewer, so every scan from two slices on
    can be read. ``shrink`` divides the in-plane sides of the head's grids: 2 for inputs of half the
    published size, where the published grids would hold every cell four times. The second pool of the
    paper's head rounds up, so that no cell of a grid with odd sides is lost.
    """

    def __init__(self, head: Head = "released", dropout: float | None = None, shrink: int = 1) -> None:
        super().__init__()
        released = head == "released"
        if dropout is None:
            dropout = 0.0 if released else _PAPER_DROPOUT
        published = _RELEASED_GRIDS if released else _PAPER_GRIDS
        grids = [(z, max(1, y // shrink), max(1, x // shrink)) for z, y, x in published]
        self.head = nn.Sequential(
            nn.AdaptiveMaxPool3d(grids[0]),
            nn.Conv3d(FEATURES, 64, 3, padding=1), nn.ReLU(inplace=True),
            nn.AdaptiveMaxPool3d(grids[1]) if released else nn.MaxPool3d((4, 2, 2), ceil_mode=True),
            nn.Conv3d(64, 32, 3, padding=1), nn.ReLU(inplace=True),
            nn.AdaptiveMaxPool3d(grids[2]) if released else nn.Identity(),
            nn.Dropout3d(dropout),
            nn.Conv3d(32, 32, 3, padding=1), nn.ReLU(inplace=True),
            nn.AdaptiveMaxPool3d(1), nn.Flatten(),
        )  # fmt: skip
        self.classes = _linear((32, 32, 2) if released else (32, 2))
        for layer in self.head:
            if isinstance(layer, nn.Conv3d):
                _msra(layer)

    def effective_weights(self) -> Tensor:
        """Return ``[128]``: how much each feature speaks for COVID-19, as the released code takes it.

        The kernels of the head's convolutions averaged over space and chained with the linear layers, as if
        there were no pools and no activations between. The paper's "weights of the final FC" have 32
        entries and can not weigh 128 features.
        """
        convolutions = [layer.weight.mean((2, 3, 4)) for layer in self.head if isinstance(layer, nn.Conv3d)]
        linears = [layer.weight for layer in self.classes if isinstance(layer, nn.Linear)]
        chained = linears[-1][COVID]
        for matrix in reversed(convolutions + linears[:-1]):
            chained = chained @ matrix
        return chained


class DeCoVNetFC(Classifier):
    """DeCoVNet-FCClf (Table VII): the same backbone under fully connected layers: 43,104,514 parameters.

    The pool before them gives 4 x 4 x 6 cells of 128 features, 12288 values; the "64 x 4 x 4 x 6 / 6144" of
    the table would give 24.2 M parameters instead of the published 43.1 M.
    """

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Sequential(nn.AdaptiveMaxPool3d(_FC_GRID), nn.Flatten())
        self.classes = _linear(_FC_WIDTHS, nn.ReLU)


def _linear(widths: Sequence[int], activation: type[nn.Module] | None = None) -> nn.Sequential:
    """Linear layers, started from N(0, 0.01) and no bias; ``activation`` between them, not after the last."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        if layers and activation is not None:
            layers.append(activation())
        layer = nn.Linear(before, after)
        nn.init.normal_(layer.weight, std=_FC_STD)
        nn.init.zeros_(layer.bias)
        layers.append(layer)
    return nn.Sequential(*layers)


def _msra(layer: nn.Conv3d) -> None:
    """Start a convolution as He et al., 2015, equation (10), do."""
    nn.init.kaiming_normal_(layer.weight, mode="fan_in", nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
