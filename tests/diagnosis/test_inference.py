"""Networks stay loaded while their file stays the same, and nobody sees what another one did to theirs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from diagnosis import inference
from diagnosis.geometry import RefusedInput
from diagnosis.inference import SliceReader, loaded
from diagnosis.weight_files import Header
from diagnosis.weights import load_weights, save_weights

GIVEN = np.ones((1, 16, 16), np.float32)


def scale(weight: float) -> nn.Sequential:
    """A network that multiplies by ``weight``."""
    network = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False))
    nn.init.constant_(network[0].weight, weight)
    return network


def written(path: Path, weight: float, version: str) -> Path:
    save_weights(path, scale(weight), {"system": "scale", "version": version})
    return path


def network_of(path: Path) -> tuple[nn.Sequential, Header]:
    network = scale(0)
    return network, load_weights(path, network, "scale")


def reader_of(path: Path) -> tuple[SliceReader, Header]:
    network, header = network_of(path)
    return SliceReader(network, dtype=torch.float32), header


def said_by(path: Path) -> tuple[float, str]:
    reader, header = loaded(path, reader_of)
    return float(reader(GIVEN).mean()), header["version"]


def test_a_file_is_read_once_while_it_stays_the_same(tmp_path: Path) -> None:
    path = written(tmp_path / "scale.safetensors", 2, "a")
    assert loaded(path, reader_of) is loaded(path, reader_of)
    assert said_by(path) == (2.0, "a")


def test_a_replaced_file_is_noticed(tmp_path: Path) -> None:
    path = written(tmp_path / "scale.safetensors", 2, "a")
    assert said_by(path) == (2.0, "a")
    written(path, 3, "b")
    assert said_by(path) == (3.0, "b")


def test_a_file_that_cannot_be_used_is_refused_until_a_good_one_lies_there(tmp_path: Path) -> None:
    path = tmp_path / "scale.safetensors"
    path.write_bytes(b"no weights")
    for _ in range(2):
        with pytest.raises(RefusedInput):
            loaded(path, reader_of)
    written(path, 3, "b")
    assert said_by(path) == (3.0, "b")


def test_what_is_done_to_a_network_stays_with_those_who_built_it_the_same_way(tmp_path: Path) -> None:
    path = written(tmp_path / "scale.safetensors", 2, "a")
    said_by(path)
    network, _ = loaded(path, network_of)
    nn.init.constant_(network[0].weight, 7)
    own, _ = network_of(path)
    nn.init.constant_(own[0].weight, 9)
    assert said_by(path) == (2.0, "a")


def test_only_so_many_networks_stay_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [
        written(tmp_path / f"{number}.safetensors", number, str(number))
        for number in range(inference._MOST_LOADED + 1)
    ]
    first, last = loaded(paths[0], reader_of), [loaded(path, reader_of) for path in paths[1:]][-1]
    assert loaded(paths[-1], reader_of) is last
    assert loaded(paths[0], reader_of) is not first
