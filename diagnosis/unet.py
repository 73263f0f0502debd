"""The 2-D U-Net that the networks for lungs and for lesions have in common."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional


class UNet2d(nn.Module):
    """U-Net with two 3x3 convolutions, each with batch norm and ReLU, per level, and bilinear upsampling.

    ``falling`` are the channels from the finest to the coarsest level, ``rising`` those on the way back,
    one fewer. Input float ``[n, channels, y, x]``, output logits ``[n, classes, y, x]``; any size, multiples
    of two to the number of ``rising`` lose nothing in pooling.
    """

    def __init__(
        self, channels: int, classes: int, falling: Sequence[int], rising: Sequence[int], *, bias: bool
    ) -> None:
        super().__init__()
        skipped = falling[-2::-1]
        deeper = [falling[-1], *rising[:-1]]
        self.enter = _double(channels, falling[0], bias)
        self.down = nn.ModuleList(_double(a, b, bias) for a, b in pairwise(falling))
        self.up = nn.ModuleList(
            _double(skip + deep, out, bias) for skip, deep, out in zip(skipped, deeper, rising, strict=True)
        )
        self.classes = nn.Conv2d(rising[-1], classes, 1)
        self.pool = nn.MaxPool2d(2)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits of every class."""
        levels = [self.enter(image)]
        for block in self.down:
            levels.append(block(self.pool(levels[-1])))
        deep = levels.pop()
        for block in self.up:
            skip = levels.pop()
            raised = functional.interpolate(deep, size=skip.shape[-2:], mode="bilinear", align_corners=False)
            deep = block(torch.cat([skip, raised], dim=1))
        return torch.as_tensor(self.classes(deep))


def _double(before: int, after: int, bias: bool) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1, bias=bias), nn.BatchNorm2d(after), nn.ReLU(inplace=True),
        nn.Conv2d(after, after, 3, padding=1, bias=bias), nn.BatchNorm2d(after), nn.ReLU(inplace=True),
    )  # fmt: skip
