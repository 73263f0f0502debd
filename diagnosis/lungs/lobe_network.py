"""A small 3-D U-Net that divides the two lungs into five lobes on a fixed grid."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from diagnosis.lungs.lobe_input import CHANNELS

CLASSES = 6
"""0 outside the lungs, 1-5 the lobes in the order of `diagnosis.results.LOBES`."""
WIDTHS = (16, 32, 64, 96)
_FOLD = 2
"""The network works on blocks of 2 x 2 x 2 cells: the CT keeps its eight values per block as channels,
labels and coordinates their mean. Fissures are thin, lobes are smooth: input fine, output coarse."""


class LobeUNet(nn.Module):
    """Input float ``[n, 6, z, y, x]`` of `diagnosis.lungs.lobe_input`; output logits ``[n, 6, z, y, x]``.

    Logits come out of blocks of two cells and are raised linearly, so that the argmax is smooth.
    """

    def __init__(self) -> None:
        super().__init__()
        entering = _FOLD**3 + len(CHANNELS) - 1
        self.enter = nn.Sequential(_conv(entering, WIDTHS[0]), _conv(WIDTHS[0], WIDTHS[0]))
        self.down = nn.ModuleList(nn.Sequential(_conv(a, b), _conv(b, b)) for a, b in pairwise(WIDTHS))
        self.up = nn.ModuleList(_conv(a + b, a) for a, b in zip(WIDTHS[-2::-1], WIDTHS[:0:-1], strict=True))
        self.classes = nn.Conv3d(WIDTHS[0], CLASSES, 1)
        self.pool = nn.MaxPool3d(2)

    def forward(self, case: Tensor) -> Tensor:
        """Return the logits of the six classes on the input's grid (sizes must be even)."""
        levels = [self.enter(_folded(case))]
        for block in self.down:
            levels.append(block(self.pool(levels[-1])))
        deep = levels.pop()
        for block in self.up:
            skip = levels.pop()
            deep = block(torch.cat([skip, _raised(deep, skip.shape[-3:])], dim=1))
        return _raised(self.classes(deep), case.shape[-3:])


def _conv(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(before, after, 3, padding=1, bias=False), nn.BatchNorm3d(after), nn.ReLU(inplace=True)
    )


def _raised(values: Tensor, size: torch.Size) -> Tensor:
    return functional.interpolate(values, size=size, mode="trilinear", align_corners=False)


def _folded(case: Tensor) -> Tensor:
    """Turn blocks of 2 x 2 x 2 cells into one: all CT values side by side, the mean of the rest."""
    n, _, z, y, x = case.shape
    blocks = case[:, :1].reshape(n, z // 2, 2, y // 2, 2, x // 2, 2)
    ct = blocks.permute(0, 2, 4, 6, 1, 3, 5).reshape(n, _FOLD**3, z // 2, y // 2, x // 2)
    return torch.cat([ct, functional.avg_pool3d(case[:, 1:], _FOLD)], dim=1)
