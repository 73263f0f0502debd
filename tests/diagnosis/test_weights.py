"""Weights: half precision there and back, and one sentence for everything that is no weights file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from diagnosis.geometry import RefusedInput
from diagnosis.quantification.interval import load_calibration
from diagnosis.segmenting import CALIBRATION_FILE
from diagnosis.weight_files import read_header, required, shipped
from diagnosis.weights import load_weights, save_weights, save_with

HEADER = {"system": "lungs", "version": "1", "config": {"threshold": 0.4}, "schedule": "small"}


def network(width: int = 4) -> nn.Module:
    torch.manual_seed(width)
    return nn.Sequential(nn.Conv2d(1, width, 3), nn.BatchNorm2d(width), nn.Conv2d(width, 2, 1))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "lungs.safetensors"
    save_weights(path, network(), HEADER)
    return path


def refused(path: Path, module: nn.Module, system: str = "lungs") -> str:
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    with pytest.raises(RefusedInput) as caught:
        load_weights(path, module, system)
    assert caught.value.code == "bad_weights"
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())
    assert caught.value.sentence.startswith(f"The weights {path.name} can not be used: ")
    assert caught.value.sentence.endswith(".")
    assert ". " not in caught.value.sentence
    return caught.value.sentence


def test_weights_come_back_in_single_precision_with_their_header(saved: Path) -> None:
    original, empty = network(), network(4)
    for parameter in empty.parameters():
        nn.init.zeros_(parameter)
    assert load_weights(saved, empty, "lungs") == HEADER
    for name, tensor in empty.state_dict().items():
        wanted = original.state_dict()[name]
        assert tensor.dtype == wanted.dtype
        assert torch.equal(tensor, wanted.half().to(wanted.dtype))


def test_a_header_grows_without_a_change_of_the_weights(saved: Path, tmp_path: Path) -> None:
    save_with(saved, tmp_path / "measured.safetensors", evaluation={"auc": 0.9})
    first, second = network(), network()
    load_weights(saved, first, "lungs")
    assert load_weights(tmp_path / "measured.safetensors", second, "lungs") == {
        **HEADER, "evaluation": {"auc": 0.9},
    }  # fmt: skip
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[name])


def test_the_file_is_half_as_large_and_the_same_every_time(saved: Path, tmp_path: Path) -> None:
    save_weights(tmp_path / "again.safetensors", network(), HEADER)
    assert (tmp_path / "again.safetensors").read_bytes() == saved.read_bytes()
    parameters = sum(tensor.numel() for tensor in network().state_dict().values())
    assert saved.stat().st_size < 2 * parameters + 2000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.safetensors", "lungs.safetensors"]


def test_others_may_read_the_file_as_the_user_allows(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    assert saved.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_the_header_can_be_read_alone(saved: Path) -> None:
    assert read_header(saved) == HEADER


@pytest.mark.parametrize("header", [{}, {"system": "lungs"}, {"system": 1, "version": "1"}])
def test_a_header_without_system_and_version_is_not_written(
    tmp_path: Path, header: dict[str, object]
) -> None:
    with pytest.raises(ValueError, match="header needs"):
        save_weights(tmp_path / "x.safetensors", network(), header)


def test_weights_that_half_precision_cannot_hold_are_not_written(tmp_path: Path) -> None:
    module = network()
    with torch.no_grad():
        next(module.parameters()).fill_(1e6)
    with pytest.raises(ValueError, match="half precision"):
        save_weights(tmp_path / "x.safetensors", module, HEADER)
    assert not list(tmp_path.iterdir())


def test_weights_of_another_system_are_refused(saved: Path) -> None:
    assert "weights of lungs, not of lesions" in refused(saved, network(), "lesions")


def test_weights_of_another_network_are_refused(saved: Path) -> None:
    assert "shape" in refused(saved, network(5))
    assert "tensors" in refused(saved, nn.Conv2d(1, 2, 3))


@pytest.mark.parametrize("kind", ["pickle", "zip", "text", "empty", "missing", "folder"])
def test_what_is_no_weights_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "lungs.pt"
    match kind:
        case "pickle":
            torch.save(network().state_dict(), path, _use_new_zipfile_serialization=False)
        case "zip":
            torch.save(network().state_dict(), path)
        case "text":
            path.write_text("weights")
        case "empty":
            path.touch()
        case "folder":
            path.mkdir()
    refused(path, network())


def test_cut_files_are_refused_at_every_length(saved: Path, tmp_path: Path) -> None:
    content = saved.read_bytes()
    for length in np.linspace(0, len(content) - 1, 25).astype(int):
        (tmp_path / "cut.safetensors").write_bytes(content[:length])
        refused(tmp_path / "cut.safetensors", network())


def test_files_with_flipped_bits_in_front_never_fill_the_network_silently(
    saved: Path, tmp_path: Path
) -> None:
    content = bytearray(saved.read_bytes())
    for position in range(8):
        changed = bytearray(content)
        changed[position] ^= 0x80
        (tmp_path / "flipped.safetensors").write_bytes(changed)
        refused(tmp_path / "flipped.safetensors", network())


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {"format": "pt"},
        {"lungsight": "{"},
        {"lungsight": "[]"},
        {"lungsight": json.dumps({"system": 1})},
    ],
)
def test_tensors_without_a_sound_header_are_refused(tmp_path: Path, metadata: dict[str, str] | None) -> None:
    path = tmp_path / "bare.safetensors"
    save_file(network().state_dict(), path, metadata)
    assert "header" in refused(path, network())


def test_values_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    tensors = network().state_dict()
    tensors["0.weight"] = torch.full_like(tensors["0.weight"], torch.nan)
    path = tmp_path / "nan.safetensors"
    save_file(tensors, path, {"lungsight": json.dumps(HEADER)})
    assert "no numbers" in refused(path, network())


def test_weights_are_looked_for_in_the_folder_the_environment_names(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUNGSIGHT_WEIGHTS", str(saved.parent))
    assert shipped("lungs") == saved
    assert shipped("no-such-network") is None
    with pytest.raises(RefusedInput, match="no weights for the DeepMedic network") as caught:
        required("no-such-network", "DeepMedic network")
    assert caught.value.code == "no_weights"


def test_the_shipped_interval_was_measured_with_the_shipped_lesion_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("LUNGSIGHT_WEIGHTS", raising=False)
    weights = shipped("lesions")
    assert weights is not None
    assert load_calibration(weights.with_name(CALIBRATION_FILE)).holds_for(read_header(weights)["version"])


def test_none_hides_the_shipped_weights_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LUNGSIGHT_WEIGHTS", raising=False)
    assert shipped("lungs") is not None
    monkeypatch.setenv("LUNGSIGHT_WEIGHTS", "none")
    assert shipped("lungs") is None
