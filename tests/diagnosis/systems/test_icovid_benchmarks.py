"""The ablation of Table 3 and the pictures of the latent space: every model sees what it should."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks import icovid_ablation, icovid_latent
from benchmarks.icovid_ablation import PROPOSED, VARIANTS, Plan, compare, require_fitting, with_length
from diagnosis.geometry import RefusedInput
from diagnosis.labels import ClassName, Split, write_label_folder
from diagnosis.systems.icovid import cvae_training, head_training, training
from diagnosis.systems.icovid.cvae_training import TaughtCVAE
from diagnosis.systems.icovid.network import Side
from diagnosis.systems.icovid.preprocessing import InputSize
from diagnosis.training.labelled import LabelledStudies, open_labelled
from diagnosis.weight_files import FOLDER_VARIABLE, NO_WEIGHTS
from diagnosis.weights import save_weights
from tests.diagnosis.crafted_networks import density_lesion_network, ship, threshold_lung_network
from tests.diagnosis.systems import crafted_icovid
from tests.diagnosis.training.folders import classed

SIZE = InputSize(32, 24.0)
PARTS: tuple[Split, ...] = ("train", "validation", "test")
NAMES: tuple[ClassName, ...] = ("COVID-19", "NP")
PLAN = Plan(
    with_length(replace(cvae_training.SMALL, size=SIZE), 1, 0),
    with_length(replace(head_training.SMALL, size=SIZE, variants=1, batch=2), 2, 0),
    with_length(replace(training.SMALL, size=SIZE, slices=2), 1, 0),
)


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
def by_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, NO_WEIGHTS)


def autoencoder(path: Path, side: Side = "lesions", size: InputSize = SIZE) -> Path:
    """Weights as ``train icovid --network cvae`` makes them, untaught."""
    config: Mapping[str, Any] = {
        "network": "cvae", "side_information": side, "prior": "normal",
        "input": {"side": size.side, "slice_mm": size.slice_mm},
    }  # fmt: skip
    header = {"system": "icovid", "version": "test", "config": config}
    save_weights(path, TaughtCVAE(side, size.side), header)
    return path


def test_models_without_lesions_are_measured_where_nothing_can_find_any(
    studies: LabelledStudies, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    without = {name: variant for name, variant in VARIANTS.items() if variant.side == "none"}

    found = compare(studies, cache, PLAN, variants=without)

    assert [variant.pre_trained for variant in without.values()] == [False, True]
    assert all(scores.shape == (2,) and ((scores > 0) & (scores < 1)).all() for scores in found.values())
    printed, progress = capsys.readouterr()
    assert "2 test studies, 1 with COVID-19" in printed
    assert "0.74, 0.68, 0.63" in printed
    assert "CVAE without side information: step 1/1" in progress


def test_the_proposed_model_begins_with_given_branches_and_sees_lesions_as_found(
    studies: LabelledStudies, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    ship(tmp_path, lungs=threshold_lung_network(), lesions=density_lesion_network())
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    start = autoencoder(tmp_path / "cvae.safetensors")

    found = compare(studies, cache, PLAN, start, {PROPOSED: VARIANTS[PROPOSED]})

    assert found[PROPOSED].shape == (2,)
    printed, progress = capsys.readouterr()
    assert "0.83, 0.72, 0.70" in printed
    assert "infected_dice" not in progress, "no autoencoder is trained"
    for volume in (*studies.parts["validation"], *studies.parts["test"]):
        assert list(cache.glob(f"{volume.arrays['ct'].path.stem}.lesions-*.npy"))


def test_weights_that_do_not_fit_the_proposed_model_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "start.safetensors"
    require_fitting(None, SIZE)
    require_fitting(autoencoder(path), SIZE)
    with pytest.raises(RefusedInput, match="other side information"):
        require_fitting(autoencoder(path, "none"), SIZE)
    with pytest.raises(RefusedInput, match="slices of another size"):
        require_fitting(autoencoder(path, size=InputSize(64, 24.0)), SIZE)
    with pytest.raises(RefusedInput, match="not weights of the network cvae"):
        require_fitting(crafted_icovid.ship(tmp_path), SIZE)


def test_slices_and_studies_of_the_autoencoder_are_drawn(
    studies: LabelledStudies, cache: Path, tmp_path: Path
) -> None:
    weights = autoencoder(tmp_path / "cvae.safetensors")

    icovid_latent.draw(weights, studies.parts["test"], tmp_path, cache)

    for name in ("reconstructions.png", "latent.png"):
        assert Image.open(tmp_path / name).size[1] > 300


def test_the_plane_holds_the_largest_spread() -> None:
    points = np.random.default_rng(0).normal(size=(50, 5)) * [1, 9, 1, 4, 1]
    flat, parts = icovid_latent.plane(points)
    assert flat.shape == (50, 2)
    assert flat.std(axis=0) == pytest.approx(points.std(axis=0)[[1, 3]], rel=0.1)
    assert parts.sum() == pytest.approx(0.97, abs=0.02)
    assert np.abs(np.corrcoef(flat[:, 0], points[:, 1])[0, 1]) > 0.95


def test_without_labels_nothing_is_trained(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["icovid_ablation"])
    icovid_ablation.main()
    assert "name a label folder" in capsys.readouterr().out
