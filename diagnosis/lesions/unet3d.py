"""The 3-D lesion U-Net of Berenguer et al., 2020, in the configuration that fits its published size."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (32, 64, 128, 256, 320)
"""13,320,773 parameters and 170.3 kMAC a voxel; the paper gives 13.3 M, "4 levels, 32 first features". Read
as four levels it is 5.84 M; four poolings with these widths fit. A fit, not unique."""
CLASSES = ("background", "ground glass", "crazy paving", "consolidation", "combined")
"""Output channels: the index is the lesion value of `diagnosis.results`, 4 combined or other infection."""
_SLOPE = 0.01


class LesionUNet3d(nn.Module):
    """U-Net with instance norm, leaky ReLU, max pooling and trilinear upsampling.

    Two convolutions per encoder level; per decoder level a 1x1x1 projection after upsampling and one
    convolution. Input float ``[n, 1, z, y, x]``, 0..1 (`diagnosis.lesions.input.lesion_window`), every size
    at least 32; output logits ``[n, 5, z, y, x]`` of `CLASSES`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Sequential(_conv(1, WIDTHS[0]), _conv(WIDTHS[0], WIDTHS[0]))
        self.down = nn.ModuleList(nn.Sequential(_conv(a, b), _conv(b, b)) for a, b in pairwise(WIDTHS))
        rising = list(pairwise(reversed(WIDTHS)))
        self.project = nn.ModuleList(nn.Conv3d(deep, fine, 1) for deep, fine in rising)
        self.up = nn.ModuleList(_conv(2 * fine, fine) for _, fine in rising)
        self.classes = nn.Conv3d(WIDTHS[0], len(CLASSES), 1)
        self.pool = nn.MaxPool3d(2)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits of background and the four types."""
        levels = [self.enter(image)]
        for block in self.down:
            levels.append(block(self.pool(levels[-1])))
        deep = levels.pop()
        for project, block in zip(self.project, self.up, strict=True):
            skip = levels.pop()
            raised = functional.interpolate(
                project(deep), size=skip.shape[-3:], mode="trilinear", align_corners=False
            )
            deep = block(torch.cat([skip, raised], dim=1))
        return torch.as_tensor(self.classes(deep))


def _conv(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(before, after, 3, padding=1),
        nn.InstanceNorm3d(after, affine=True),
        nn.LeakyReLU(_SLOPE, inplace=True),
    )
