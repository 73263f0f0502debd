"""A whole run through real networks with random weights: the parts fit, whatever they find."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import numpy as np
import pytest
import torch

from diagnosis.document import json_schema
from diagnosis.geometry import RefusedInput
from diagnosis.lesions.unet25d import LesionUNet
from diagnosis.lungs.lobe_network import LobeUNet
from diagnosis.pipeline import analyse, analysis_json
from diagnosis.results import INFECTED_VALUES
from diagnosis.weights import save_weights
from tests.phantoms import chest_phantom

PHANTOM = chest_phantom(slices=14, size=64)
CLOSED = {"lungs": {"method": "closed"}}


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    torch.manual_seed(0)
    for system, network in (("lobes", LobeUNet()), ("lesions", LesionUNet())):
        save_weights(tmp_path / f"{system}.safetensors", network, {"system": system, "version": "0"})
    monkeypatch.setenv("LUNGSIGHT_WEIGHTS", str(tmp_path))
    return tmp_path


def test_networks_of_random_weights_give_a_whole_document(weights: Path) -> None:
    seen: list[float] = []
    found = analyse(PHANTOM.volume, ["density"], CLOSED, lambda stage, part: seen.append(part))
    document = analysis_json(found, {})
    jsonschema.validate(document, json_schema())
    assert seen == sorted(seen)
    assert found.segmentation["lobes"] == "network 0"
    assert found.segmentation["lesions"] == "network 0"
    assert found.lobes is not None
    assert found.lesions is not None
    np.testing.assert_array_equal(found.lobes > 0, found.lungs > 0)
    assert not np.isin(found.lesions[found.lungs == 0], INFECTED_VALUES).any()
    low, high = document["quantification"]["spread"]
    assert low <= document["quantification"]["infected_percent"] <= high


@pytest.mark.parametrize("owner", ["lobes", "lesions"])
def test_weights_that_can_not_be_used_are_refused_in_words(owner: str, weights: Path) -> None:
    (weights / f"{owner}.safetensors").write_bytes(b"no weights")
    with pytest.raises(RefusedInput, match="weights") as refused:
        analyse(PHANTOM.volume, [], CLOSED, lambda stage, part: None)
    assert refused.value.code == "bad_weights"


def test_a_network_without_weights_is_refused_when_asked_for() -> None:
    options = {**CLOSED, "lobes": {"method": "none"}, "lesions": {"method": "unet3d"}}
    with pytest.raises(RefusedInput, match="There are no weights for the 3-D lesion network"):
        analyse(PHANTOM.volume, [], options, lambda stage, part: None)
