"""The DeepMedic-type lung network (Kamnitsas et al., 2017) that Berenguer et al., 2020, use."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

ORIGINAL_WIDTHS = (30, 30, 40, 40, 40, 40, 50, 50)
"""Kamnitsas et al., 2017, section 2.4: eight 3x3x3 convolutions per path."""
WIDE_WIDTHS = (45, 45, 60, 60, 60, 60, 75, 75)
"""The original times 1.5. With three paths 2,143,067 parameters and 777 kMAC a voxel; Berenguer et al. give
2.12 M and 4262.7 G without the layers: a fit, not their published configuration."""
ORIGINAL_PATHS = (1, 3)
WIDE_PATHS = (1, 3, 9)
_JOINED = 150
"""Kamnitsas et al., 2017: two hidden layers of 150 join the paths."""


class DeepMedic(nn.Module):
    """Paths of eight convolutions at resolutions 1/1, 1/3 (and 1/9), joined by 1x1x1 convolutions.

    Input float ``[n, 1, z, y, x]``, 0..1 (`diagnosis.lungs.input.deepmedic_window`); output logits
    ``[n, 2, z, y, x]``: background, lung. Interpretations: coarse paths see block means and come back by
    trilinear interpolation; convolutions are padded, so that output and input are of one size; batch norm
    and PReLU per channel, as in DeepMedic's code.
    """

    def __init__(
        self, widths: Sequence[int] = WIDE_WIDTHS, paths: Sequence[int] = WIDE_PATHS, classes: int = 2
    ) -> None:
        super().__init__()
        self.factors = tuple(paths)
        self.paths = nn.ModuleList(_path(widths) for _ in self.factors)
        self.join = nn.Sequential(
            *_layer(widths[-1] * len(self.factors), _JOINED, 1), *_layer(_JOINED, _JOINED, 1)
        )
        self.classes = nn.Conv3d(_JOINED, classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits of background and lung, of the size of the input."""
        size = image.shape[-3:]
        step = max(self.factors)
        padding = [amount for length in reversed(size) for amount in (0, -length % step)]
        padded = functional.pad(image, padding, mode="replicate") if any(padding) else image
        features = [
            self._seen(path, padded, factor) for path, factor in zip(self.paths, self.factors, strict=True)
        ]
        logits = self.classes(self.join(torch.cat(features, dim=1)))
        return torch.as_tensor(logits[..., : size[0], : size[1], : size[2]])

    @staticmethod
    def _seen(path: nn.Module, image: Tensor, factor: int) -> Tensor:
        if factor == 1:
            return torch.as_tensor(path(image))
        coarse = path(functional.avg_pool3d(image, factor))
        return functional.interpolate(coarse, size=image.shape[-3:], mode="trilinear", align_corners=False)


def original_deepmedic() -> DeepMedic:
    """Return the network of Kamnitsas et al., 2017: 657,842 parameters with two classes."""
    return DeepMedic(ORIGINAL_WIDTHS, ORIGINAL_PATHS)


def _path(widths: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in zip([1, *widths], widths, strict=False):
        layers += _layer(before, after, 3)
    return nn.Sequential(*layers)


def _layer(before: int, after: int, kernel: int) -> list[nn.Module]:
    return [
        nn.Conv3d(before, after, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm3d(after),
        nn.PReLU(after),
    ]
