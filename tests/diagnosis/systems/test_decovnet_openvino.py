"""DeCoVNet by OpenVINO gives what torch gives, where it is installed; elsewhere it is refused in words."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from diagnosis.geometry import RefusedInput
from diagnosis.systems.decovnet.network import DeCoVNet
from diagnosis.systems.decovnet.openvino_backend import OpenVinoEngine
from diagnosis.systems.decovnet.reading import openvino_reader
from tests.diagnosis.systems.crafted_decovnet import ship


def test_logits_are_those_of_torch_for_scans_of_any_size() -> None:
    pytest.importorskip("openvino")
    torch.manual_seed(0)
    network = DeCoVNet(shrink=4).eval()
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm3d):
                layer.weight.uniform_(0.5, 1.5)
            if isinstance(layer, nn.Linear):
                layer.weight.normal_(std=1.0)
        engine = OpenVinoEngine(network)
        for shape in ((1, 2, 2, 16, 24), (1, 2, 37, 40, 33)):
            image = torch.rand(shape)
            features = network.features(image)
            torch.testing.assert_close(engine.features(image), features, rtol=0, atol=1e-4)
            logits = network.classify(features)
            assert float(logits.abs().max()) > 0.1
            torch.testing.assert_close(engine.classify(features), logits, rtol=0, atol=1e-4)


def test_without_openvino_it_is_refused_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(RefusedInput, match="needs the extra openvino") as caught:
        openvino_reader(ship(tmp_path))
    assert caught.value.code == "no_openvino"
