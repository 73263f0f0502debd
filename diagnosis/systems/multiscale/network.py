"""The multi-scale classifier of slices (Hu et al., 2020): VGG-like, with class maps after three blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import get_args

import torch
from torch import Tensor, nn

from diagnosis.systems.multiscale.spec import CLASSES, Level

LEVELS: tuple[Level, ...] = get_args(Level)
WIDTHS = (32, 64, 128, 256, 256)
"""Channels of the blocks Conv1 to Conv5."""
CONVOLUTIONS = (2, 2, 3, 3, 3)
LEAST_SIDE = 16
"""Pixels of one cell of the coarsest class map: a smaller image has none."""


class MultiscaleNetwork(nn.Module):
    """One slice in, one score per class out. With three classes and levels: 3,683,625 parameters.

    Blocks of 3 x 3 convolutions (without bias), each with batch norm and ReLU; 2 x 2 max pooling between
    blocks. A 1 x 1 convolution turns the output of a block, before it is pooled, into one map per class; the
    maximum of a map is the score of its class at that level, and scores of the ``levels`` are added. A
    single-scale classifier is one with a single level; blocks deeper than its deepest level are not built.

    Input float ``[n, 1, y, x]``, 0..1 inside the lungs and 0 outside; sides of at least LEAST_SIDE pixels.
    """

    def __init__(self, classes: int = len(CLASSES), levels: Sequence[Level] = LEVELS) -> None:
        super().__init__()
        self.levels = tuple(sorted(levels))
        widths = WIDTHS[: self.levels[-1]]
        self.blocks = nn.ModuleList(
            _block(before, after, count)
            for (before, after), count in zip(pairwise((1, *widths)), CONVOLUTIONS, strict=False)
        )
        self.pool = nn.MaxPool2d(2)
        self.classes = nn.ModuleDict(
            {str(level): nn.Conv2d(WIDTHS[level - 1], classes, 1) for level in self.levels}
        )

    def forward(self, image: Tensor) -> Tensor:
        """Return the scores ``[n, classes]`` of all levels together: the softmax over them is the answer."""
        return self.scores(image)

    def scores(self, image: Tensor, levels: Sequence[Level] | None = None) -> Tensor:
        """Return the scores ``[n, classes]`` of ``levels`` (None: all) together.

        Nothing deeper than the deepest of them is computed.
        """
        return sum_of_maxima(self.maps(image, levels))

    def maps(self, image: Tensor, levels: Sequence[Level] | None = None) -> dict[Level, Tensor]:
        """Return the class maps ``[n, classes, y, x]`` of ``levels`` (None: all).

        The map of Conv3 has a cell for 4 x 4 pixels, Conv4 for 8 x 8, Conv5 for 16 x 16 (`stride_of`).
        """
        wanted = self.levels if levels is None else tuple(levels)
        found: dict[Level, Tensor] = {}
        features = image
        for index, block in enumerate(self.blocks[: max(wanted)]):
            features = block(features if index == 0 else self.pool(features))
            for level in wanted:
                if level == index + 1:
                    found[level] = self.classes[str(level)](features)
        return found


def sum_of_maxima(maps: Mapping[Level, Tensor]) -> Tensor:
    """Return the scores ``[n, classes]`` that class maps add up to: global max pooling, then the sum."""
    return torch.stack([of_level.amax(dim=(2, 3)) for of_level in maps.values()]).sum(dim=0)


def stride_of(level: Level) -> int:
    """Return how many pixels of the input a cell of a class map spans along y and along x."""
    return 1 << (level - 1)


def _block(before: int, after: int, convolutions: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for index in range(convolutions):
        convolution = nn.Conv2d(before if index == 0 else after, after, 3, padding=1, bias=False)
        nn.init.kaiming_normal_(convolution.weight, mode="fan_in", nonlinearity="relu")
        layers += [convolution, nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
