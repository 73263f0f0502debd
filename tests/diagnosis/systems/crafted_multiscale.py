"""The multi-scale classifier with weights set by hand: dense lung is COVID-19, hazy lung CAP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from diagnosis.systems.multiscale.network import MultiscaleNetwork
from diagnosis.systems.multiscale.spec import CAP, CLASSES, COVID, NP
from diagnosis.weights import save_weights
from tests.diagnosis.crafted_networks import passing, silenced

OPERATING_POINT = 0.45
HAZY_HU = -250
_DENSE, _HAZY = 0.6, 0.45
"""Grey values, 0..1 of a window of 1500 HU from about -1025: consolidation has 0.70, HAZY_HU 0.52, the rim
of a lung, half of it chest wall, at most 0.41."""
_GAIN, _DOUBT = 60.0, 1.0


def dense_lung_network() -> MultiscaleNetwork:
    """Channel 0 is how far the lung passes _DENSE, channel 1 how far it passes _HAZY."""
    network = MultiscaleNetwork()
    silenced(network)
    first, *others = [layer for layer in network.blocks.modules() if isinstance(layer, nn.Conv2d)]
    with torch.no_grad():
        first.weight[0:2, 0, 1, 1] = 1
        network.blocks[0][1].bias[0:2] = -torch.tensor([_DENSE, _HAZY])  # type: ignore[index]
        for layer in others:
            passing(layer, 2)
        for head in network.classes.values():
            head.weight[CLASSES.index(COVID), 0] = 3 * _GAIN  # type: ignore[operator]
            head.weight[CLASSES.index(CAP), 1] = _GAIN  # type: ignore[operator]
            head.bias[CLASSES.index(NP)] = _DOUBT  # type: ignore[operator]
    return network.eval()


def config(**changed: Any) -> dict[str, Any]:
    """The ``config`` of its header."""
    kinds = ("conv3", "conv4", "conv5", "joint")
    return {
        "levels": [3, 4, 5],
        "input": {"height": 24, "width": 32, "slice_mm": 4.0, "field": "lungs"},
        "operating_points": {COVID: OPERATING_POINT, CAP: OPERATING_POINT},
        "heatmaps": {
            f"{name} {kind}": {"reference": 1000.0 if kind == "joint" else 15.0, "threshold": 0.5}
            for name in (COVID, CAP)
            for kind in kinds
        },
        **changed,
    }


def ship(folder: Path, **header: Any) -> Path:
    """Save it as the weights ``multiscale`` of a folder; ``header`` goes over the usual one."""
    path = folder / "multiscale.safetensors"
    whole = {"system": "multiscale", "version": "test", "config": config(), **header}
    save_weights(path, dense_lung_network(), whole)
    return path
