"""icovid with weights set by hand: bright lung inside lesions is COVID-19. Mechanics, not skill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from diagnosis.systems.icovid.network import CLUSTERS, COVID, DESCRIPTOR, FEATURES, ICovid, Side
from diagnosis.weights import save_weights
from tests.diagnosis.crafted_networks import passing, silenced

BRIGHT_HU = -700.0
"""Lung above this is disease where it is marked as a lesion."""
OPERATING_POINT = 0.4
SIDE = 64
_SPP = (4, 2)
_GAIN = 10.0
_SURE = 30.0
_DOUBT = 2.0


def bright_lesion_network(side: Side = "lesions") -> ICovid:
    """Two values per slice: how bright its marked lung is, and a one that says there is a slice.

    Without bright marked lung P(COVID-19) is 0.12.
    """
    network = ICovid(side, _SPP)
    silenced(network)
    encoder = network.encoder
    with torch.no_grad():
        encoder.image.first.weight[0, 0, 2, 2] = 1
        encoder.image.first.bias[0] = -(BRIGHT_HU + 1000) / 1400  # type: ignore[index]
        if encoder.side is not None:
            encoder.side.first.weight[0, :, 2, 2] = 1
        for branch in filter(None, (encoder.image, encoder.side)):
            passing(branch.rest[2], 1)
            passing(branch.rest[5], 1)
        pyramid = network.describe[1]
        for layer in (pyramid, network.vlad.assign, network.classes):
            layer.weight.zero_()  # type: ignore[operator]
            layer.bias.zero_()  # type: ignore[operator]
        network.vlad.centroids.zero_()
        for first, cells in ((0, 16), (16 * FEATURES, 4)):
            pyramid.weight[0, first : first + cells] = _GAIN  # type: ignore[operator]
        pyramid.bias[1] = 1  # type: ignore[operator]
        network.classes.weight[COVID, 0 : CLUSTERS * DESCRIPTOR : DESCRIPTOR] = _SURE / CLUSTERS**0.5
        network.classes.bias[1 - COVID] = _DOUBT
    return network.eval()


def config(side: Side = "lesions", **changed: Any) -> dict[str, Any]:
    """The ``config`` of its header."""
    scale = {"reference": 0.01, "threshold": 0.1}
    return {
        "side_information": side, "spp": list(_SPP), "input": {"side": SIDE, "slice_mm": 8.0},
        "operating_point": OPERATING_POINT,
        "heatmaps": {"lung relevance": dict(scale), "lesion relevance": dict(scale)},
        **changed,
    }  # fmt: skip


def ship(folder: Path, side: Side = "lesions", **header: Any) -> Path:
    """Save it as the weights ``icovid`` of a folder; ``header`` goes over the usual one."""
    path = folder / "icovid.safetensors"
    whole = {"system": "icovid", "version": "test", "config": config(side), **header}
    save_weights(path, bright_lesion_network(side), whole)
    return path
