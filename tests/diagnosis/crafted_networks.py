"""Networks whose weights are set by hand, so that what they answer is known: mechanics, not skill."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from diagnosis.lesions.unet25d import CLASSES, LesionUNet
from diagnosis.lungs.lobe_input import CHANNELS
from diagnosis.lungs.lobe_network import LobeUNet
from diagnosis.lungs.unet2d import LungUNet
from diagnosis.weights import save_weights

LUNG_BELOW_HU = -400.0
EFFUSION_HU = -100
"""Nothing else in a box phantom has this density."""


def silenced(network: nn.Module) -> nn.Module:
    """Set every convolution to zero; batch norm does nothing."""
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d | nn.Conv3d):
                layer.weight.zero_()
                if layer.bias is not None:
                    layer.bias.zero_()
    return network


def passing(layer: nn.Module, channels: int) -> None:
    """Let the first ``channels`` channels of a convolution through unchanged."""
    with torch.no_grad():
        for channel in range(channels):
            layer.weight[channel, channel, 1, 1] = 1  # type: ignore[index,operator]


def threshold_lung_network() -> LungUNet:
    """Everything below LUNG_BELOW_HU is lung, the air around too."""
    network = LungUNet()
    silenced(network)
    grey = (LUNG_BELOW_HU + 1200) / 1800
    with torch.no_grad():
        network.enter[0].weight[0, 0, 1, 1] = -1
        network.enter[0].bias[0] = grey
        network.classes.weight[1, 0] = 100
        network.classes.bias[1] = -0.1
    for layer in (network.enter[3], network.up[-1][0], network.up[-1][3]):
        passing(layer, 1)
    return network


def blind_lung_network() -> LungUNet:
    """Sees no lung anywhere."""
    network = LungUNet()
    silenced(network)
    with torch.no_grad():
        network.classes.bias[0] = 1
    return network


def density_lesion_network() -> LesionUNet:
    """Tells lung (-850), ground glass (-550), effusion (-100) and consolidation (30 HU) by density alone."""
    network = LesionUNet()
    silenced(network)
    peaks = (
        ("lung", -850, 140),
        ("ground glass", -550, 140),
        ("effusion", -100, 60),
        ("consolidation", 34, 50),
    )
    with torch.no_grad():
        network.classes.bias[0] = 2
        for number, (name, hu, width) in enumerate(peaks):
            for knot, weight in ((-1, 1.0), (0, -2.0), (1, 1.0)):
                channel = 3 * number + knot + 1
                network.enter[0].weight[channel, 1, 1, 1] = 1
                network.enter[1].bias[channel] = -(hu + knot * width + 1100) / 1400
                network.classes.weight[CLASSES.index(name), channel] = 14000 * weight / width
    for layer in (network.enter[3], network.up[-1][0], network.up[-1][3]):
        passing(layer, 12)
    return network


def height_lobe_network() -> LobeUNet:
    """Divides each lung by height alone: RUL, RML, RLL from the top in thirds, LUL and LLL in halves."""
    network = LobeUNet()
    silenced(network)
    height = 8 + CHANNELS.index("z") - 1
    with torch.no_grad():
        for channel, sign in ((0, 1.0), (1, -1.0)):
            network.enter[0][0].weight[channel, height, 1, 1, 1] = sign
        for layer in (network.enter[1][0], network.up[-1][0]):
            for channel in (0, 1):
                layer.weight[channel, channel, 1, 1, 1] = 1
        for lobe, slope, level in ((1, 30, -10), (2, 0, 0), (3, -30, -10), (4, 30, 0), (5, -30, 0)):
            network.classes.weight[lobe, 0] = slope
            network.classes.weight[lobe, 1] = -slope
            network.classes.bias[lobe] = level
    return network


def ship(folder: Path, **networks: nn.Module) -> None:
    """Save networks under their names as weights of version "test"."""
    for name, network in networks.items():
        system = name.split("-")[0]
        save_weights(folder / f"{name}.safetensors", network, {"system": system, "version": "test"})
