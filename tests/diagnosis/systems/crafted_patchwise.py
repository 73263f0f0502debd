"""Patch networks with weights set by hand: they find ground glass, so their answers are known. Mechanics, not
skill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from diagnosis.systems.patchwise.network import (
    POSITIVE,
    WIDTH,
    FineHead,
    PatchNetwork,
    PatchwiseNetworks,
)
from diagnosis.systems.patchwise.spec import SPEC
from diagnosis.weights import save_weights
from tests.diagnosis.crafted_networks import silenced

GROUND_GLASS_HU = -550.0
OPERATING_POINT = 0.4
DOUBT = 2.0
"""Logit against disease and against COVID-19 where there is no ground glass: probabilities of 0.12."""
_HALF_WIDTH_HU = 150.0
"""Air of lungs and soft tissue are farther from ground glass than this."""
_GAIN = 10.0


def ground_glass_networks() -> PatchwiseNetworks:
    """Both networks. One feature: 1 in every pixel of the middle slice as dense as ground glass, else 0."""
    networks = PatchwiseNetworks()
    silenced(networks)
    for network in (networks.diseased, networks.covid):
        _sees_ground_glass(network)
        _decides(network.attention, bias=-_GAIN / 2)
        with torch.no_grad():
            for layer in (network.lung[0], network.lung[3]):
                layer.weight.zero_()
                layer.bias.zero_()
            network.lung[0].weight[0, 0] = 1
            network.lung[3].weight[POSITIVE, 0] = _GAIN
            network.lung[3].bias[POSITIVE] = -DOUBT
    assert networks.diseased.coarse is not None
    _decides(networks.diseased.coarse, bias=-_GAIN / 2)
    assert networks.diseased.fine is not None
    _finds_fine_patches(networks.diseased.fine)
    return networks.eval()


def config(**changed: Any) -> dict[str, Any]:
    """The ``config`` of their header."""
    return {
        "third_block": 3, "pooling": "sum", "input": {"side": 64, "lungs": "closed", "slice_mm": None},
        "operating_points": dict.fromkeys(SPEC.probabilities, OPERATING_POINT),
        "heatmaps": {
            f"{class_name} {kind}": {"reference": 1.0, "threshold": 0.5} for class_name, kind in SPEC.heatmaps
        },
        **changed,
    }  # fmt: skip


def ship(folder: Path, **header: Any) -> Path:
    """Save them as the weights ``patchwise`` of a folder; ``header`` goes over the usual one."""
    path = folder / "patchwise.safetensors"
    whole = {"system": "patchwise", "version": "test", "config": config(), **header}
    save_weights(path, ground_glass_networks(), whole)
    return path


def _sees_ground_glass(network: PatchNetwork) -> None:
    """Three ramps add up to a peak at ground glass that is 0 at lung and at soft tissue; then pools alone."""
    features = network.features
    peak, half = (GROUND_GLASS_HU + 1000) / 2048, _HALF_WIDTH_HU / 2048
    with torch.no_grad():
        for channel, weight in enumerate((1.0, -2.0, 1.0)):
            features.first[0].weight[channel, 1, 1, 1] = 1
            features.first[0].bias[channel] = (1 - channel) * half - peak
            features.first[2].weight[0, channel, 1, 1] = weight / half
        for block in (features.second, features.third):
            for layer in block:
                if isinstance(layer, torch.nn.Conv2d):
                    layer.weight[0, 0, 1, 1] = 1


def _decides(head: torch.nn.Sequential, bias: float) -> None:
    with torch.no_grad():
        head[0].weight[0, 0] = 1  # type: ignore[operator, index]
        last = head[3]
        last.weight[-1, 0] = _GAIN  # type: ignore[operator, index]
        last.bias[-1] = bias  # type: ignore[operator, index]


def _finds_fine_patches(head: FineHead) -> None:
    """From what the first block saw, which stands behind the decoder's own channels."""
    with torch.no_grad():
        head.out[1].weight[0, WIDTH] = 1
        head.out[4].weight[POSITIVE, 0] = _GAIN
        head.out[4].bias[POSITIVE] = -_GAIN / 2
