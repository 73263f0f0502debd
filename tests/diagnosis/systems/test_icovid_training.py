"""What icovid is taught, first its branches, then the whole; that training makes weights that can be used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from diagnosis.__main__ import main
from diagnosis.geometry import RefusedInput
from diagnosis.labels import ClassName, Split, write_label_folder
from diagnosis.results import ATELECTASIS
from diagnosis.systems.icovid import cvae_training, head_training, training
from diagnosis.systems.icovid.cvae_training import CVAETask, cells_of
from diagnosis.systems.icovid.network import ICovid
from diagnosis.systems.icovid.preprocessing import InputSize
from diagnosis.systems.icovid.reading import reader_of
from diagnosis.systems.icovid.training import ICovidTask, transfer
from diagnosis.systems.icovid.training_inputs import Disturbance, disturbed, study_input
from diagnosis.systems.study_outlines import UNKNOWN
from diagnosis.training.augmentation import Draws
from diagnosis.training.labelled import LabelledStudies, open_labelled
from diagnosis.weight_files import FOLDER_VARIABLE, NO_WEIGHTS
from diagnosis.weights import save_weights
from tests.diagnosis.training.folders import classed

SIZE = InputSize(32, 12.0)
PARTS: tuple[Split, ...] = ("train", "train", "validation")
NAMES: tuple[ClassName, ...] = ("COVID-19", "NP")
CVAE_SMALL = replace(cvae_training.SMALL, size=SIZE)
SMALL = replace(training.SMALL, size=SIZE, slices=3)
NOTHING = Disturbance(missed=0.0, invented=0.0, rim=0.0, alike=0.0, untold=0.0)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labels")
    parts = [(name, part) for part in PARTS for name in NAMES]
    write_label_folder(folder, [classed(number, *of) for number, of in enumerate(parts)])
    return folder


@pytest.fixture(scope="module")
def studies(labels: Path, cache: Path) -> LabelledStudies:
    return open_labelled(labels, cache)


@pytest.fixture(autouse=True)
def by_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read validation studies by their outlines: no network for lesions."""
    monkeypatch.setenv(FOLDER_VARIABLE, NO_WEIGHTS)


def _draws(seed: int) -> Draws:
    return Draws(np.random.default_rng(seed), torch.device("cpu"))


def test_the_input_holds_lungs_lesions_and_what_is_known(studies: LabelledStudies, cache: Path) -> None:
    ill = study_input(studies.parts["train"][0], SIZE, cache)
    well = study_input(studies.parts["train"][1], SIZE, cache)

    assert ill.shape[0] == 3
    assert ill.shape[2:] == (32, 32)
    marked = ill[1] > 0
    assert np.array_equal(marked, ill[2] > 0)
    assert float(ill[0][marked].mean()) > 1.5 * float(ill[0][(ill[0] > 0) & ~marked].mean())
    assert not well[1].any()


def test_a_folder_without_outlines_needs_the_lesion_network(tmp_path: Path) -> None:
    weak = replace(classed(0, "COVID-19", "train"), outline=None, kinds=())
    write_label_folder(tmp_path / "labels", [weak])
    (volume,) = open_labelled(tmp_path / "labels", tmp_path / "cache", ["train"]).parts["train"]

    with pytest.raises(RefusedInput, match="no weights for the lesion network"):
        study_input(volume, SIZE, tmp_path / "cache")


def test_undisturbed_lesions_stay_as_they_are_and_disturbed_ones_stay_in_the_lungs() -> None:
    inside = torch.zeros(6, 32, 32, dtype=torch.bool)
    inside[:, 4:28, 4:28] = True
    outlines = torch.zeros(6, 32, 32, dtype=torch.uint8)
    outlines[1:5, 8:16, 8:16], outlines[2:4, 20:24, 20:24] = 3, ATELECTASIS
    lesions = torch.where(outlines == 3, 3, 0).byte()

    assert torch.equal(disturbed(lesions, outlines, inside, _draws(0), NOTHING), lesions)
    found = [disturbed(lesions, outlines, inside, _draws(seed)) for seed in range(40)]
    assert all(not one[~inside].any() and int(one.max()) <= 4 for one in found)
    kept = np.array([float((one[lesions > 0] > 0).float().mean()) for one in found])
    assert 0.5 < kept.mean() < 0.95
    alike = [bool((one[outlines == ATELECTASIS] > 0).all()) for one in found]
    assert 4 < sum(alike) < 30
    assert len({int(one.max()) for one in found}) >= 3, "types are confused"
    assert torch.equal(found[0], disturbed(lesions, outlines, inside, _draws(0)))


def test_cells_hold_the_shares_of_their_pixels() -> None:
    outlines = torch.zeros(2, 32, 32, dtype=torch.uint8)
    outlines[0, 4:8, 8:10], outlines[0, 12:16, 12:16], outlines[1, 16:] = 1, ATELECTASIS, UNKNOWN

    share, known = cells_of(outlines)

    assert share.shape == (2, 6, 8, 8)
    assert share[0, 0, 1, 2] == 0.5
    assert share[0, 5, 3, 3] == 1
    assert share.sum() == 1.5
    assert known[1, 0, :4].all()
    assert not known[1, 0, 4:].any()


def test_steps_teach_the_branches_to_see_lesions(studies: LabelledStudies, cache: Path) -> None:
    task = CVAETask(studies, cache, CVAE_SMALL)
    torch.manual_seed(0)
    network = task.network().train()
    optimiser = torch.optim.Adam(network.parameters(), 5e-3)
    batch, seen = task.batch(_draws(0)), []
    for _ in range(30):
        parts = task.losses(network, batch)
        loss = torch.stack(list(parts.values())).sum()
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        seen.append({name: float(part.detach()) for name, part in parts.items()})

    with torch.no_grad():
        metrics = task.validate(network.eval())

    assert seen[-1]["voxels"] < 0.92 * seen[0]["voxels"]
    assert seen[-1]["reconstruction"] < seen[0]["reconstruction"]
    assert set(metrics) == {"explained", "divergence", "infected_dice"}
    assert metrics["explained"] < 1
    assert 0 < metrics["infected_dice"] <= 1


def test_as_published_nothing_is_taught_by_voxels(studies: LabelledStudies, cache: Path) -> None:
    task = CVAETask(studies, cache, replace(cvae_training.paper(499), size=SIZE))
    batch = task.batch(_draws(1))

    assert set(task.losses(task.network(), batch)) == {"reconstruction", "divergence"}
    assert (task.settings.learning_rate, task.settings.steps) == (5e-3, 200 * 499)
    assert task.headline == "explained"
    published = training.paper(499)
    assert (published.settings.learning_rate, published.settings.l2) == (1e-5, 1e-5)
    assert (published.weights, published.gamma, published.spp) == ((0.25, 0.35), 5.0, (5, 3, 2))


def test_a_batch_of_the_classifier_is_part_of_one_scan(studies: LabelledStudies, cache: Path) -> None:
    task = ICovidTask(studies, cache, SMALL)
    batches = [task.batch(_draws(seed)) for seed in range(12)]

    assert all(batch["image"].shape == (3, 2, 32, 32) for batch in batches)
    assert {int(batch["target"]) for batch in batches} == {0, 1}
    masks = [batch["image"][:, 1] for batch in batches]
    assert all(bool(((mask == 0) | (mask == 1)).all()) for mask in masks)
    loss = task.losses(task.network(), batches[0])["focal"]
    assert float(loss.detach()) == pytest.approx(0.5 * np.log(2), abs=0.05)


def test_branches_pre_trained_by_voxels_and_a_head_by_classes_make_weights_that_can_be_used(
    labels: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cvae_training, "SMALL", CVAE_SMALL)
    monkeypatch.setattr(head_training, "SMALL", replace(head_training.SMALL, size=SIZE, variants=2, batch=4))
    monkeypatch.setattr(CVAETask.__init__, "__defaults__", (CVAE_SMALL,))
    monkeypatch.setattr(head_training.HeadTask.__init__, "__defaults__", (head_training.SMALL,))

    command = ["train", "icovid", "--labels", str(labels), "--out", str(tmp_path), "--steps", "2"]
    assert main([*command, "--cache", str(cache)]) == 0

    taught = load_file(tmp_path / "cvae/icovid-cvae.safetensors")
    final = load_file(tmp_path / "icovid.safetensors")
    branches = [name for name in final if name.startswith("encoder.")]
    assert branches
    assert all(torch.equal(taught[name], final[name]) for name in branches)
    configuration = reader_of(tmp_path / "icovid.safetensors").configuration
    assert configuration.size == SIZE
    assert 0 <= configuration.operating_point <= 1
    assert set(configuration.scales) == {"lung relevance", "lesion relevance"}
    assert "icovid-cvae.safetensors" in (tmp_path / "card.md").read_text("utf-8")


def test_branches_of_other_side_information_are_refused(
    studies: LabelledStudies, cache: Path, tmp_path: Path
) -> None:
    schedule = replace(CVAE_SMALL, side="none")
    network = cvae_training.TaughtCVAE(schedule.side, SIZE.side)
    config = {**CVAETask(studies, cache, schedule).config}
    start = tmp_path / "cvae.safetensors"
    save_weights(start, network, {"system": "icovid", "version": "1", "config": config})

    with pytest.raises(RefusedInput, match="taught with other side information"):
        transfer(ICovid(), start)
    transfer(ICovid("none"), start)


def test_a_head_on_random_branches_is_refused(studies: LabelledStudies, cache: Path) -> None:
    task = head_training.HeadTask(studies, cache, replace(head_training.SMALL, size=SIZE))
    with pytest.raises(RefusedInput, match="needs taught branches"):
        task.started(task.network(), taught=False)
