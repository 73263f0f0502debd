"""The ablation of Table 3 and the pictures of the latent space: every model sees what it should."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import icovid_ablation, icovid_latent
from benchmarks.icovid_ablation import VARIANTS, compare, shortened
from diagnosis.labels import ClassName, Split, write_label_folder
from diagnosis.systems.icovid import cvae_training, training
from diagnosis.systems.icovid.cvae_training import TaughtCVAE
from diagnosis.systems.icovid.preprocessing import InputSize
from diagnosis.training.labelled import LabelledStudies, open_labelled
from diagnosis.weight_files import FOLDER_VARIABLE, NO_WEIGHTS
from diagnosis.weights import save_weights
from tests.diagnosis.training.folders import classed

SIZE = InputSize(32, 24.0)
PARTS: tuple[Split, ...] = ("train", "validation", "test")
NAMES: tuple[ClassName, ...] = ("COVID-19", "NP")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> LabelledStudies:
    folder = tmp_path_factory.mktemp("labels")
    parts = [(name, part) for part in PARTS for name in NAMES]
    write_label_folder(folder, [classed(number, *of) for number, of in enumerate(parts)])
    return open_labelled(folder, cache, PARTS)


@pytest.fixture(autouse=True)
def by_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, NO_WEIGHTS)


def test_the_three_models_of_the_paper_are_trained_and_measured(
    studies: LabelledStudies, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = shortened(replace(cvae_training.SMALL, size=SIZE), 1, 0)
    then = shortened(replace(training.SMALL, size=SIZE, slices=2), 1, 0)

    found = compare(studies, cache, first, then)

    assert set(found) == set(VARIANTS)
    assert all(scores.shape == (2,) and ((scores > 0) & (scores < 1)).all() for scores in found.values())
    printed = capsys.readouterr().out
    assert "2 test studies, 1 with COVID-19" in printed
    assert "0.83, 0.72, 0.70" in printed
    assert [(variant.side, variant.pre_trained) for variant in VARIANTS.values()] == [
        ("none", False), ("none", True), ("lesions", True),
    ]  # fmt: skip


def test_slices_and_studies_of_the_autoencoder_are_drawn(
    studies: LabelledStudies, cache: Path, tmp_path: Path
) -> None:
    weights = tmp_path / "cvae.safetensors"
    config = {
        "network": "cvae", "side_information": "lesions", "prior": "normal",
        "input": {"side": SIZE.side, "slice_mm": SIZE.slice_mm},
    }  # fmt: skip
    network = TaughtCVAE("lesions", SIZE.side)
    save_weights(weights, network, {"system": "icovid", "version": "test", "config": config})

    icovid_latent.draw(weights, studies.parts["test"], tmp_path, cache)

    for name in ("reconstructions.png", "latent.png"):
        assert Image.open(tmp_path / name).size[1] > 300


def test_the_plane_holds_the_largest_spread() -> None:
    points = np.random.default_rng(0).normal(size=(50, 5)) * [1, 9, 1, 4, 1]
    flat = icovid_latent.plane(points)
    assert flat.shape == (50, 2)
    assert flat.std(axis=0) == pytest.approx(points.std(axis=0)[[1, 3]], rel=0.1)
    assert np.abs(np.corrcoef(flat[:, 0], points[:, 1])[0, 1]) > 0.95


def test_without_labels_nothing_is_trained(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["icovid_ablation"])
    icovid_ablation.main()
    assert "name a label folder" in capsys.readouterr().out
