"""The 2-D U-Net that finds lungs slice by slice (Wang et al., TMI 2020, section III-B and released code)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (16, 32, 64, 128, 128)
"""Channels from the finest to the coarsest level: 839,506 parameters with two classes."""


class LungUNet(nn.Module):
    """U-Net with two 3x3 convolutions (bias) + batch norm + ReLU per level and bilinear upsampling.

    Input float ``[n, 1, y, x]``, grey values 0..1 of the lung window (see `diagnosis.lungs.input`).
    Output logits ``[n, 2, y, x]``: background, lung. Any size; multiples of 16 lose nothing in pooling.
    """

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d, e = WIDTHS
        self.enter = _double(1, a)
        self.down = nn.ModuleList([_double(a, b), _double(b, c), _double(c, d), _double(d, e)])
        self.up = nn.ModuleList([_double(e + d, c), _double(c + c, b), _double(b + b, a), _double(a + a, a)])
        self.classes = nn.Conv2d(a, 2, 1)
        self.pool = nn.MaxPool2d(2)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits of background and lung."""
        levels = [self.enter(image)]
        for block in self.down:
            levels.append(block(self.pool(levels[-1])))
        deep = levels.pop()
        for block in self.up:
            skip = levels.pop()
            raised = functional.interpolate(deep, size=skip.shape[-2:], mode="bilinear", align_corners=False)
            deep = block(torch.cat([skip, raised], dim=1))
        return torch.as_tensor(self.classes(deep))


def _double(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(inplace=True),
        nn.Conv2d(after, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(inplace=True),
    )  # fmt: skip
