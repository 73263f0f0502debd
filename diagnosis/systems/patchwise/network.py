"""The patch networks (Ghavami Modegh et al., section 2.4, Table 1)."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from diagnosis.systems.patchwise.patches import coarse_patches

Pooling = Literal["sum", "mean"]
POSITIVE = 1
"""Index of diseased (first network), COVID-19 (second) or infected (patches) among two logits."""
SLICES = 3
CHANNELS = SLICES + 1
MULTIPLE = 32
"""Sides of an input are multiples of this: three poolings and two steps of the vicinity by two."""
WIDTH = 64
_DROPOUT = 0.5
_PAPER_PATCHES = 32 * 32
_VGG_WIDTHS = (64, 128, 256)
_FEATURES = _VGG_WIDTHS[-1] + 2 * WIDTH + 1


class Features(NamedTuple):
    """``final`` ``[n, 385, y / 8, x / 8]`` of every coarse patch; ``after_second``
    ``[n, 128, y / 4, x / 4]`` and ``after_first`` ``[n, 64, y / 2, x / 2]`` for the fine head (PFE2 and
    PFE1 of Table 1)."""

    final: Tensor
    after_second: Tensor
    after_first: Tensor


class Lung(NamedTuple):
    """What a network says of a batch of lungs: ``logits`` ``[n, 2]`` and ``attention``
    ``[n, 1, y / 8, x / 8]``, 0 to 1."""

    logits: Tensor
    attention: Tensor


class PatchFeatures(nn.Module):
    """Features of every coarse patch: VGG-16 up to its third pool, vicinity, distance to the pleura.

    Input float ``[n, 4, y, x]``: the slice caudal of it, the slice itself and the one cranial of it, 0..1
    after batch-effect removal, and the distance of every pixel to the pleura, 0 outside the lung
    (`distance_map`). Sides must be multiples of 32.

    Table 1 lists three convolutions in the third block, which see 44 pixels; the 36 of the text are seen
    with two (``third_block=2``). Without batch norm, as VGG-16: weights start as He et al., 2015, set them.
    """

    def __init__(self, third_block: int = 3) -> None:
        super().__init__()
        self.first = _vgg_block(SLICES, _VGG_WIDTHS[0], 2)
        self.second = _vgg_block(_VGG_WIDTHS[0], _VGG_WIDTHS[1], 2)
        self.third = _vgg_block(_VGG_WIDTHS[1], _VGG_WIDTHS[2], third_block)
        self.vicinity = Vicinity(_VGG_WIDTHS[2])
        self.nearest = LeastOfPatch()

    def forward(self, image: Tensor) -> Features:
        """Return the features."""
        after_first = self.first(image[:, :SLICES])
        after_second = self.second(after_first)
        own = self.third(after_second)
        distance = self.nearest(image[:, SLICES:])
        final = torch.cat([own, self.vicinity(own), distance], dim=1)
        return Features(final, after_second, after_first)


class Vicinity(nn.Module):
    """What surrounds every patch: a small U-Net on the grid of the patches (VFE of Table 1), 128 channels.

    Where Table 1 names no activation between two convolutions there is none.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.entry = _convolution(channels, WIDTH, 1)
        self.down = nn.ModuleList([_halving(), _halving()])
        self.up = nn.ModuleList([_doubling(WIDTH), _doubling(2 * WIDTH)])

    def forward(self, features: Tensor) -> Tensor:
        """Return ``[n, 128, y, x]`` on the grid of the features."""
        entry = self.entry(features)
        half = self.down[0](entry)
        back = torch.cat([self.up[0](self.down[1](half)), half], dim=1)
        return torch.cat([self.up[1](back), entry], dim=1)


class LeastOfPatch(nn.Module):
    """Smallest value within the footprint of every coarse patch, cut at the border of the image."""

    def forward(self, values: Tensor) -> Tensor:
        """Return ``[n, c, y / 8, x / 8]`` of values ``[n, c, y, x]``."""
        patches = coarse_patches(values.shape[-1])
        return -functional.max_pool2d(-values, patches.size, patches.stride, patches.before)


class FineHead(nn.Module):
    """Probability of infection of every fine patch (6 x 6 pixels, step 2): a decoder back to half the
    sides."""

    def __init__(self) -> None:
        super().__init__()
        self.entry = _convolution(_FEATURES, WIDTH, 1)
        self.up = nn.ModuleList([_doubling(WIDTH), _doubling(WIDTH + _VGG_WIDTHS[1])])
        self.out = nn.Sequential(nn.Dropout(_DROPOUT), *_decision(WIDTH + _VGG_WIDTHS[0], 2))

    def forward(self, features: Features) -> Tensor:
        """Return logits ``[n, 2, y / 2, x / 2]``."""
        middle = torch.cat([self.up[0](self.entry(features.final)), features.after_second], dim=1)
        return torch.as_tensor(self.out(torch.cat([self.up[1](middle), features.after_first], dim=1)))


class PatchNetwork(nn.Module):
    """One of the two networks. With ``patches`` the first one (diseased or healthy) with its coarse and
    fine heads: 2,269,831 parameters; without them the second (COVID-19 or other disease): 2,072,387.

    Each patch gets a weight from 0 to 1, and the features of a lung are the sum of the weighted features of
    its patches, as published; ``pooling="mean"`` divides by the sum of the weights. The rows of attention
    and lung heads are missing in Table 1: they are built here as its row of the coarse head.
    """

    def __init__(self, *, patches: bool = True, third_block: int = 3, pooling: Pooling = "sum") -> None:
        super().__init__()
        self.features = PatchFeatures(third_block)
        self.attention = nn.Sequential(*_decision(_FEATURES, 1), nn.Sigmoid())
        self.lung = nn.Sequential(
            nn.Linear(_FEATURES, WIDTH), nn.ReLU(inplace=True), nn.Dropout(_DROPOUT), nn.Linear(WIDTH, 2)
        )
        self.coarse = nn.Sequential(*_decision(_FEATURES, 2)) if patches else None
        self.fine = FineHead() if patches else None
        self._pooling = pooling
        _start(self.lung, 1 if pooling == "mean" else _PAPER_PATCHES)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Return the logits of the lung ``[n, 2]`` and, with patch heads, those of its coarse patches
        ``[n, 2, y / 8, x / 8]`` and fine patches ``[n, 2, y / 2, x / 2]``; input as `PatchFeatures` takes
        it."""
        features = self.features(image)
        logits = self.judge(features).logits
        if self.coarse is None or self.fine is None:
            return (logits,)
        return logits, self.coarse(features.final), self.fine(features)

    def judge(self, features: Features) -> Lung:
        """Return the logits of whole lungs and the attention they rest on."""
        weights = self.attention(features.final)
        weighed = (weights * features.final).sum(dim=(2, 3))
        if self._pooling == "mean":
            weighed = weighed / weights.sum(dim=(2, 3))
        return Lung(self.lung(weighed), weights)


class PatchwiseNetworks(nn.Module):
    """Both networks, as one file of weights holds them. They share nothing: in the paper that did better."""

    def __init__(self, *, third_block: int = 3, pooling: Pooling = "sum") -> None:
        super().__init__()
        self.diseased = PatchNetwork(third_block=third_block, pooling=pooling)
        self.covid = PatchNetwork(patches=False, third_block=third_block, pooling=pooling)


def _start(lung: nn.Sequential, patches: int) -> None:
    """Start the layers that judge a lung from features that are the sum of so many patches."""
    for layer in lung:
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    with torch.no_grad():
        lung[0].weight.div_(patches)  # type: ignore[operator]


def _vgg_block(before: int, width: int, convolutions: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for index in range(convolutions):
        layers += [_convolution(width if index else before, width, 3, "relu"), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.MaxPool2d(2))


def _halving() -> nn.Sequential:
    return nn.Sequential(
        _convolution(WIDTH, WIDTH, 3, stride=2), _convolution(WIDTH, WIDTH, 3, "relu"), nn.ReLU(inplace=True)
    )


def _doubling(before: int) -> nn.Sequential:
    up = nn.ConvTranspose2d(before, WIDTH, 2, stride=2)
    nn.init.normal_(up.weight, std=before**-0.5)  # every pixel made is a sum over the channels alone
    nn.init.zeros_(up.bias)  # type: ignore[arg-type]
    return nn.Sequential(up, _convolution(WIDTH, WIDTH, 3, "relu"), nn.ReLU(inplace=True))


def _decision(before: int, outputs: int) -> tuple[nn.Module, ...]:
    """The fully connected layers of one patch."""
    return (
        _convolution(before, WIDTH, 1, "relu"), nn.ReLU(inplace=True), nn.Dropout(_DROPOUT),
        _convolution(WIDTH, outputs, 1),
    )  # fmt: skip


def _convolution(
    before: int, after: int, kernel: int, activation: Literal["linear", "relu"] = "linear", stride: int = 1
) -> nn.Conv2d:
    layer = nn.Conv2d(before, after, kernel, stride, padding=kernel // 2)
    nn.init.kaiming_normal_(layer.weight, nonlinearity=activation)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer
