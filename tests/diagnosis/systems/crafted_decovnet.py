"""DeCoVNet with weights set by hand: it finds bright lung, so its answers are known. Mechanics, not skill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from diagnosis.systems.decovnet.network import COVID, DeCoVNet
from diagnosis.weights import save_weights
from tests.diagnosis.crafted_networks import silenced

BRIGHT_HU = -120.0
"""Lung above this is disease."""
CONSOLIDATION_HU = 30.0
OPERATING_POINT = 0.4
_SHRINK = 4
_GAIN = 100.0
_DOUBT = 2.0


def bright_lung_network() -> DeCoVNet:
    """One feature: how far the brightest lung passes BRIGHT_HU. Without any P(COVID-19) is 0.12."""
    network = DeCoVNet(shrink=_SHRINK)
    silenced(network)
    backbone = network.backbone
    with torch.no_grad():
        backbone.stem[0].weight[0, :, 2, 3, 3] = 1  # type: ignore[operator]
        backbone.stem[1].bias[0] = -1 - _grey(BRIGHT_HU)  # type: ignore[operator]
        for block in (backbone.first, backbone.second):
            block.shortcut[0].weight[0, 0] = 1  # type: ignore[operator]
        for index in (1, 4, 8):
            network.head[index].weight[0, 0, 1, 1, 1] = 1  # type: ignore[operator]
        for layer in network.classes:
            layer.weight.zero_()  # type: ignore[operator]
        network.classes[0].weight[0, 0] = 1  # type: ignore[operator]
        network.classes[1].weight[COVID, 0] = _GAIN  # type: ignore[operator]
        network.classes[1].bias[1 - COVID] = _DOUBT  # type: ignore[operator]
    return network.eval()


def config(**changed: Any) -> dict[str, Any]:
    """The ``config`` of its header: the map of consolidation is shown as 1.0, half of it makes a region."""
    feature = _grey(CONSOLIDATION_HU) - _grey(BRIGHT_HU)
    reference = feature * _GAIN / 27**3
    return {
        "head": "released", "shrink": _SHRINK, "input": {"height": 64, "width": 96, "slice_mm": 4.0},
        "operating_point": OPERATING_POINT,
        "heatmaps": {
            "cam": {"reference": reference, "threshold": 0.5},
            "cam gradient": {"reference": 1.0, "threshold": 0.5},
        },
        **changed,
    }  # fmt: skip


def ship(folder: Path, **header: Any) -> Path:
    """Save it as the weights ``decovnet`` of a folder; ``header`` goes over the usual one."""
    path = folder / "decovnet.safetensors"
    whole = {"system": "decovnet", "version": "test", "config": config(), **header}
    save_weights(path, bright_lung_network(), whole)
    return path


def _grey(hu: float) -> float:
    return (hu + 1200) / 1800
