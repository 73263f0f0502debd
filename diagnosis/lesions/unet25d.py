"""The fast lesion network: a 2-D U-Net that sees three slices at once, and the order of its classes."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from diagnosis.results import (
    ATELECTASIS,
    CONSOLIDATION,
    CRAZY_PAVING,
    EFFUSION,
    GROUND_GLASS,
    NODULE,
    OTHER_INFECTION,
)

CLASSES = (
    "background", "lung", "ground glass", "crazy paving", "consolidation", "other infection",
    "vessel", "nodule", "atelectasis", "effusion",
)  # fmt: skip
"""Output channels in order. Emphysema counts as lung; trachea and main bronchi as background."""
BACKGROUND_CLASS = 0
LUNG_CLASS = 1
INFECTED_CLASSES = slice(2, 6)
"""Channels of ground glass, crazy paving, consolidation and other infection, in the order of values 1-4."""
VESSEL_CLASS = 6
LESION_OF_CLASS = (
    0, 0, GROUND_GLASS, CRAZY_PAVING, CONSOLIDATION, OTHER_INFECTION, 0, NODULE, ATELECTASIS, EFFUSION,
)  # fmt: skip
"""Lesion value of every class (`diagnosis.results`), 0 where it is none."""

SLICES = 3
WIDTHS = (16, 32, 64, 96, 128)


class LesionUNet(nn.Module):
    """U-Net of two 3x3 convolutions (batch norm, ReLU) per level and bilinear upsampling; 0.92 M parameters.

    Input float ``[n, 3, y, x]``: the slice below, the slice itself, the slice above, scaled to 0..1
    (see `diagnosis.lesions.input`). Output logits ``[n, 10, y, x]`` of `CLASSES` for the middle slice.
    """

    def __init__(self) -> None:
        super().__init__()
        self.enter = _double(SLICES, WIDTHS[0])
        self.down = nn.ModuleList(_double(a, b) for a, b in pairwise(WIDTHS))
        self.up = nn.ModuleList(_double(a + b, a) for a, b in zip(WIDTHS[-2::-1], WIDTHS[:0:-1], strict=True))
        self.classes = nn.Conv2d(WIDTHS[0], len(CLASSES), 1)
        self.pool = nn.MaxPool2d(2)

    def forward(self, slices: Tensor) -> Tensor:
        """Return the logits of every class for the middle slice."""
        levels = [self.enter(slices)]
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
        nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True),
        nn.Conv2d(after, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True),
    )  # fmt: skip
