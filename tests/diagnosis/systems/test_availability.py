"""Which systems can run: rules always, networks by the header of their weights."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from diagnosis.commands.analyse import chosen_systems
from diagnosis.systems.availability import Availability, availability
from diagnosis.weight_files import FOLDER_VARIABLE, HEADER_KEY

HEADER = {"system": "decovnet", "version": "small-1"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    return tmp_path


def put(folder: Path, **more: Any) -> Availability:
    """Put weights with a header into the folder, and say what they make of DeCoVNet."""
    metadata = {HEADER_KEY: json.dumps({**HEADER, **more})}
    save_file({"weight": np.zeros(1, np.float32)}, folder / "decovnet.safetensors", metadata)
    return availability()["decovnet"]


def test_density_needs_no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, "none")
    assert availability()["density"] == Availability("ready", "1")
    assert availability()["decovnet"] == Availability("no weights")
    assert chosen_systems(["all"]) == ["density"]


@pytest.mark.parametrize(
    ("evaluation", "state", "auc"),
    [
        ({"auc": 0.90, "auc_interval": [0.85, 0.94], "n": 200}, "ready", 0.90),
        ({"auc": 0.89}, "demonstration", 0.89),
        ({}, "demonstration", None),
        (None, "demonstration", None),
        ({"auc": "good"}, "demonstration", None),
    ],
)
def test_weights_count_by_their_own_evaluation(
    folder: Path, evaluation: object, state: str, auc: float | None
) -> None:
    found = put(folder, evaluation=evaluation)
    assert (found.state, found.version, found.auc) == (state, "small-1", auc)
    assert chosen_systems(["all"])[:2] == ["density", "decovnet"]


@pytest.mark.parametrize(
    ("given", "interval"), [([0.85, 1], (0.85, 1.0)), ([0.85], None), ("0.8 to 0.9", None), (None, None)]
)
def test_the_interval_of_the_area_comes_along(folder: Path, given: object, interval: object) -> None:
    assert put(folder, evaluation={"auc": 0.9, "auc_interval": given}).auc_interval == interval


def test_files_that_are_no_weights_of_the_system_do_not_count(folder: Path) -> None:
    found = put(folder, system="lungs")
    assert found.state == "no weights"
    assert found.reason == (
        "The weights decovnet.safetensors can not be used: they are weights of lungs, not of decovnet."
    )
    (folder / "decovnet.safetensors").write_bytes(b"weights")
    damaged = availability()["decovnet"]
    assert damaged.state == "no weights"
    assert damaged.reason is not None
    assert "damaged" in damaged.reason
    assert "decovnet" not in chosen_systems(["all"])


def test_headers_are_read_without_torch(folder: Path) -> None:
    put(folder)
    code = (
        "import sys; from diagnosis.systems.availability import availability; availability();"
        "print(sorted({'torch', 'scipy', 'skimage'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
