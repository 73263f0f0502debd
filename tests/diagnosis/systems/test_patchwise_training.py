"""What the patch networks are taught, and that a few steps teach it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from diagnosis.__main__ import main
from diagnosis.geometry import RefusedInput
from diagnosis.labels import ClassName, Split, StudyLabel, write_label_folder
from diagnosis.systems.patchwise import covid_training, fine_training, heads_training, training
from diagnosis.systems.patchwise.configuration import configuration_of
from diagnosis.systems.patchwise.network import PatchwiseNetworks
from diagnosis.systems.patchwise.preprocessing import InputSize
from diagnosis.systems.patchwise.training import SMALL, DiseasedTask, paper
from diagnosis.systems.patchwise.training_inputs import LOOK, SUSPICIOUS, TRUTH, study_input
from diagnosis.systems.study_outlines import UNKNOWN
from diagnosis.training.augmentation import Draws
from diagnosis.training.labelled import LabelledStudies, open_labelled
from diagnosis.training.loop import Interrupted
from diagnosis.volume import CTVolume
from diagnosis.weight_files import read_header
from diagnosis.weights import save_weights
from tests.diagnosis.training.folders import classed

SIZE = InputSize(32, "closed", 8.0)
TINY = replace(SMALL, size=SIZE, lungs=1, settings=replace(SMALL.settings, validate_every=2))
"""Three lungs a step."""
SUSPICIOUS_HU = -440
"""Between the deviation of a box chest and the valley of its histogram."""
PARTS: tuple[Split, ...] = ("train", "validation")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labels")
    write_label_folder(folder, _studies())
    return folder


def _studies() -> list[StudyLabel]:
    """A box chest of each class in each part."""
    classes: tuple[ClassName, ...] = ("NP", "CAP", "COVID-19")
    return [
        classed(3 * place + number, name, part)
        for place, part in enumerate(PARTS)
        for number, name in enumerate(classes)
    ]


@pytest.fixture(scope="module")
def studies(labels: Path, cache: Path) -> LabelledStudies:
    return open_labelled(labels, cache)


def _draws(seed: int) -> Draws:
    return Draws(np.random.default_rng(seed), torch.device("cpu"))


def test_a_batch_holds_every_group_and_lungs_that_can_be_read(studies: LabelledStudies, cache: Path) -> None:
    batch = DiseasedTask(studies, cache, TINY).batch(_draws(1))

    image, mask = batch["image"], batch["mask"] > 0
    assert image.shape == (3, 4, 32, 32)
    assert sorted(batch["group"].tolist()) == [0, 1, 2]
    assert sorted(batch["diseased"].tolist()) == [0, 1, 1]
    assert float(image[:, :3].min()) >= 0
    assert float(image[:, :3].max()) <= 1
    # the distance to the pleura follows the mask as it was moved
    assert not (image[:, 3] > 0)[~mask].any()
    assert (image[:, 3] > 0).any(dim=(1, 2)).all()
    healthy = batch["diseased"] == 0
    infected = (batch["truth"] >= 1) & (batch["truth"] <= 4)
    assert infected.any(dim=(1, 2))[~healthy].any()
    assert not infected[healthy].any()


def test_a_step_against_the_gradient_brings_the_loss_down_and_moves_the_first_network_alone(
    studies: LabelledStudies, cache: Path
) -> None:
    task = DiseasedTask(studies, cache, replace(TINY, ranges=None))
    batch = task.batch(_draws(1))
    torch.manual_seed(0)
    network = task.network().eval()

    losses = task.losses(network, batch)
    before = torch.stack(list(losses.values())).sum()
    torch.autograd.backward(before)
    moved = {name: value.grad for name, value in network.named_parameters() if value.grad is not None}
    with torch.no_grad():
        for name, value in network.named_parameters():
            if name in moved:
                value.sub_(moved[name], alpha=1e-3)
        after = torch.stack(list(task.losses(network, batch).values())).sum()

    assert set(losses) == {"lungs", "concordance", "patches", "pointers", "types"}
    assert float(after) < float(before.detach())
    assert all(name.startswith("diseased.") and ".fine." not in name for name in moved)


def test_the_published_schedules_are_the_papers() -> None:
    first, fine = paper(300), fine_training.fine_paper(300)

    assert (first.scans, first.lungs, first.patch_weight, first.pooling) == (6, 10, 0.01, "sum")
    assert (first.settings.steps, first.settings.learning_rate) == (500 * 50, 1e-4)
    assert (first.size.side, first.size.lungs, first.size.slice_mm) == (256, "kmeans", None)
    assert first.ranges is None
    assert not first.thresholds_chosen
    assert (fine.scans, fine.lungs, fine.settings.learning_rate) == (14, 2, 1e-5)


def test_reviewed_places_replace_semi_infection_labels(tmp_path: Path) -> None:
    whole = _studies()[2]
    assert whole.outline is not None
    lesion = whole.outline > 0
    ignore = ~lesion
    rejected = np.zeros_like(lesion)
    rejected[:, 20:26] = True
    hu = whole.volume.hu.copy()
    hu[lesion] = SUSPICIOUS_HU
    whole = replace(whole, volume=CTVolume(hu, whole.volume.affine))
    weak = replace(whole, study="weak", outline=None, ignore=None)
    read = replace(whole, study="read", look=(lesion,), not_look=rejected, ignore=ignore, outline=None)
    write_label_folder(tmp_path / "labels", [weak, read, replace(whole, ignore=ignore)])
    volumes = open_labelled(tmp_path / "labels", tmp_path / "cache").parts["train"]
    planes = {volume.study: study_input(volume, SIZE, tmp_path / "cache") for volume in volumes}

    assert planes["weak"][SUSPICIOUS].any()
    assert (planes["weak"][TRUTH] == UNKNOWN).all()
    assert not planes["read"][SUSPICIOUS].any()
    assert set(np.unique(planes["read"][TRUTH])) == {0, UNKNOWN}
    assert planes["read"][LOOK].max() == 1
    outlined = planes[whole.study][TRUTH]
    assert not planes[whole.study][SUSPICIOUS].any()
    assert {1, 3} <= set(np.unique(outlined)) <= {1, 3, UNKNOWN}


def test_the_fine_head_is_taught_with_all_else_fixed(studies: LabelledStudies, cache: Path) -> None:
    task = fine_training.FineTask(studies, cache, TINY)
    network = task.network().train()

    losses = task.losses(network, task.batch(_draws(0)))
    torch.autograd.backward(losses["fine_patches"])

    moved = {name for name, value in network.named_parameters() if value.grad is not None}
    assert moved
    assert all(name.startswith("diseased.fine.") for name in moved)


def test_the_second_network_can_be_taught_from_images(studies: LabelledStudies, cache: Path) -> None:
    task = covid_training.CovidTask(studies, cache, replace(TINY, scans=2))
    network = task.network().train()

    losses = task.losses(network, task.batch(_draws(0)))
    torch.autograd.backward(losses["lungs"])

    moved = {name for name, value in network.named_parameters() if value.grad is not None}
    assert moved
    assert all(name.startswith("covid.") for name in moved)


def _shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in (
        (training, "SMALL"), (fine_training, "SMALL_FINE"), (heads_training, "SMALL_HEADS"),
    ):  # fmt: skip
        short = replace(getattr(module, name), size=SIZE, scans=3, lungs=2)
        monkeypatch.setattr(module, name, short)


def test_heads_of_both_networks_are_taught_from_fixed_features(studies: LabelledStudies, cache: Path) -> None:
    task = heads_training.HeadsTask(studies, cache, replace(TINY, lungs=8))
    torch.manual_seed(0)
    network = task.network()
    task.started(network, taught=True)
    batch = task.batch(_draws(0))

    losses = task.losses(network.train(), batch)
    torch.autograd.backward(list(losses.values()))

    assert batch["shown"].shape == (24, 385, 4, 4)
    asked = {tuple(pair) for pair in torch.stack([batch["diseased"], batch["covid"]], dim=1).tolist()}
    assert asked == {(0, -1), (1, 0), (1, 1)}
    healthy = batch["diseased"] == 0
    assert (batch["own"][healthy] == 0).all()
    assert (batch["own"][~healthy] == 1).any()
    moved = {name for name, value in network.named_parameters() if value.grad is not None}
    assert {".".join(name.split(".")[:2]) for name in moved} == {
        "diseased.attention", "diseased.lung", "covid.attention", "covid.lung",
    }  # fmt: skip
    with torch.inference_mode():
        assert set(task.validate(network.eval())) >= {"auc", "diseased_auc", "covid_auc"}


def test_the_last_phase_makes_one_file_that_can_be_used(
    labels: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _shortened(monkeypatch)
    start, out = tmp_path / "patchwise-fine.safetensors", tmp_path / "out"
    save_weights(start, PatchwiseNetworks(pooling="mean"), {"system": "patchwise", "version": "start"})

    command = ["train", "patchwise", "--labels", str(labels), "--out", str(out), "--steps", "1"]
    assert main([*command, "--start", str(start), "--cache", str(cache)]) == 0

    before, after = load_file(start), load_file(out / "patchwise.safetensors")
    kept = [
        name
        for name in before
        if name.startswith("diseased.") and ".attention." not in name and ".lung." not in name
    ]
    assert all(torch.equal(before[name], after[name]) for name in kept)
    features = [name for name in after if name.startswith("covid.features.")]
    assert all(torch.equal(after[name], after[name.replace("covid", "diseased", 1)]) for name in features)
    header = read_header(out / "patchwise.safetensors")
    configuration = configuration_of(out / "patchwise.safetensors", header)
    assert configuration.size == SIZE
    for kind in ("coarse", "fine"):
        scale = configuration.scales["diseased", kind]
        assert 0.5 <= scale.reference * scale.threshold < 1


def test_a_run_that_ended_between_two_networks_goes_on(
    labels: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (heads_training.FIRST, covid_training.FIRST, fine_training.FIRST) == ("fine", "fine", "diseased")
    _shortened(monkeypatch)
    out = tmp_path / "out"
    command = ["train", "patchwise", "--labels", str(labels), "--out", str(out), "--steps", "1"]
    command += ["--cache", str(cache)]

    def stop(*given: object) -> object:
        raise Interrupted(15, 0)

    with monkeypatch.context() as patch:
        patch.setattr(fine_training.FineTask, "losses", stop)
        with pytest.raises(SystemExit):
            main(command)
    first = (out / "fine/diseased/patchwise-diseased.safetensors").read_bytes()

    assert main([*command, "--resume"]) == 0

    assert (out / "patchwise.safetensors").is_file()
    assert (out / "fine/diseased/patchwise-diseased.safetensors").read_bytes() == first


def test_a_folder_without_healthy_scans_is_refused_in_one_sentence(tmp_path: Path) -> None:
    write_label_folder(tmp_path / "labels", [one for one in _studies() if one.class_name != "NP"])
    studies = open_labelled(tmp_path / "labels", tmp_path / "cache")

    with pytest.raises(RefusedInput, match="healthy and diseased") as refusal:
        DiseasedTask(studies, tmp_path / "cache", TINY)

    assert refusal.value.code == "nothing_to_learn"
