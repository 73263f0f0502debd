"""What the multi-scale classifier is taught, and that training makes weights that can be used."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from diagnosis.__main__ import main
from diagnosis.geometry import RefusedInput
from diagnosis.labels import ClassName, Split, StudyLabel, write_label_folder
from diagnosis.systems.multiscale.calibration import best_share, read_patients
from diagnosis.systems.multiscale.losses import cell_loss, class_weights, focal_loss
from diagnosis.systems.multiscale.preprocessing import InputSize
from diagnosis.systems.multiscale.reading import reader_of
from diagnosis.systems.multiscale.scales_training import ScalesTask
from diagnosis.systems.multiscale.spec import CLASSES
from diagnosis.systems.multiscale.training import PAPER, SMALL, MultiscaleTask
from diagnosis.systems.multiscale.training_inputs import (
    LOOK,
    NO_CLASS,
    augmented,
    ill_and_free,
    slice_classes,
    stacked,
    study_slices,
)
from diagnosis.systems.study_outlines import UNKNOWN
from diagnosis.training.augmentation import Draws
from diagnosis.training.labelled import LabelledStudies, open_labelled
from diagnosis.training.sampling import SliceRef
from tests.diagnosis.training.folders import classed

SIZE = InputSize(32, 48, None, "lungs")
TINY = replace(SMALL, size=SIZE, slices_validated=2)
PARTS: tuple[Split, ...] = ("train", "validation")
NAMES: tuple[ClassName, ...] = ("COVID-19", "CAP", "NP")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> LabelledStudies:
    return open_labelled(_folder(tmp_path_factory.mktemp("labels")), cache)


def _folder(folder: Path, names: tuple[ClassName, ...] = NAMES) -> Path:
    parts = [(name, part) for part in PARTS for name in names]
    write_label_folder(folder, [classed(number, *of) for number, of in enumerate(parts)])
    return folder


def _draws(seed: int) -> Draws:
    return Draws(np.random.default_rng(seed), torch.device("cpu"))


def _opened(study: StudyLabel, folder: Path) -> np.ndarray:
    """The slices of one study that was written and read again."""
    write_label_folder(folder / "labels", [study])
    (volume,) = open_labelled(folder / "labels", folder / "cache", ["train"]).parts["train"]
    return study_slices(volume, SIZE, folder / "cache")


def test_without_focus_and_balance_the_loss_is_cross_entropy() -> None:
    scores, target = torch.randn(6, 3), torch.tensor([0, 1, 2, 2, 1, 0])
    flat = focal_loss(scores, target, torch.ones(3), gamma=0.0)
    torch.testing.assert_close(flat, functional.cross_entropy(scores, target))


def test_the_loss_is_equation_one() -> None:
    scores, weights = torch.tensor([[2.0, 0.5, -1.0], [0.0, 0.3, 0.1]]), torch.tensor([2.0, 0.5, 1.0])
    target = torch.tensor([0, 1])
    expected = 0.0
    for row, one in zip(scores.tolist(), target.tolist(), strict=True):
        log_p = row[one] - np.log(np.exp(row).sum())
        expected -= float(weights[one]) * (1 - np.exp(log_p)) * log_p / 2
    assert float(focal_loss(scores, target, weights)) == pytest.approx(expected, rel=1e-5)


def test_slices_without_a_class_teach_nothing() -> None:
    scores = torch.randn(3, 3, requires_grad=True)
    loss = focal_loss(scores, torch.tensor([0, NO_CLASS, NO_CLASS]), torch.ones(3))
    torch.autograd.backward(loss)
    assert scores.grad is not None
    assert scores.grad[0].abs().sum() > 0
    assert scores.grad[1:].abs().sum() == 0
    assert float(focal_loss(scores.detach(), torch.full((3,), NO_CLASS), torch.ones(3))) == 0


def test_rare_classes_weigh_more_and_slices_weigh_one_on_average() -> None:
    weights = class_weights([10.0, 20.0, 70.0])
    torch.testing.assert_close(weights[0] / weights[2], torch.tensor(7.0))
    assert float((weights * torch.tensor([0.1, 0.2, 0.7])).sum()) == pytest.approx(1)
    assert class_weights([1.0, 0.0]).tolist() == [1.0, 0.0]


def test_cells_are_taught_where_the_infection_of_their_class_lies() -> None:
    lesions = torch.zeros(1, 32, 48, dtype=torch.uint8)
    lesions[0, 8:16, 16:24] = 1
    lesions[0, 24:, :] = UNKNOWN
    maps = torch.full((1, 3, 8, 12), -9.0)
    maps[0, 0, 2:4, 4:6] = 9.0
    maps[0, :2, 6:] = 9.0  # nobody knows
    right = cell_loss({3: maps}, lesions, torch.tensor([0]))
    other_class = cell_loss({3: maps}, lesions, torch.tensor([1]))
    normal = cell_loss({3: maps}, torch.zeros_like(lesions), torch.tensor([2]))
    assert float(right) < 0.01
    assert float(other_class) > 0.3
    assert float(normal) > 0.3


def test_a_region_looked_at_asks_for_one_infected_cell() -> None:
    lesions = torch.full((1, 32, 48), UNKNOWN, dtype=torch.uint8)
    lesions[0, 8:24, 8:24] = LOOK
    maps = torch.full((1, 3, 8, 12), -9.0, requires_grad=True)
    torch.autograd.backward(cell_loss({3: maps}, lesions, torch.tensor([1])))
    assert maps.grad is not None
    pulled = maps.grad != 0
    assert int(pulled.sum()) >= 1
    assert pulled[0, 1, 2:6, 2:6].sum() == pulled.sum()


def test_slices_say_what_they_show() -> None:
    image = torch.ones(5, 1, 8, 8)
    lesions = torch.zeros(5, 8, 8, dtype=torch.uint8)
    lesions[0, :4, :4] = 3  # ill
    lesions[1, 0, :3] = 3  # hardly
    lesions[2] = UNKNOWN  # nobody outlined anything
    lesions[3, :4, :4] = 12  # looks like it
    classes = torch.tensor([0, 0, 1, 1, 2])
    assert slice_classes(image, lesions, classes, normal=2).tolist() == [0, NO_CLASS, 1, 2, 2]
    assert slice_classes(image, lesions, classes, normal=None).tolist()[3] == NO_CLASS


def test_weak_labels_reach_the_slices(tmp_path: Path) -> None:
    one = classed(1, "CAP", "train")
    shape = one.volume.shape
    region = np.zeros(shape, bool)
    region[4:7, 10:40, 4:20] = True
    rejected = np.zeros(shape, bool)
    rejected[:, 10:40, 28:44] = True
    weak = replace(
        one, outline=None, ignore=np.ones(shape, bool), look=(region,), not_look=rejected, kinds=("pointer",)
    )
    slices = _opened(weak, tmp_path)
    lesions, lungs = slices[:, 2], slices[:, 1] > 0
    assert (lesions == LOOK).any(axis=(1, 2)).sum() == 3
    assert (lesions[lungs] == 0).any()
    assert (lesions[lungs] == UNKNOWN).any()
    ill, free = ill_and_free(slices)
    assert len(free) == 0
    assert set(np.flatnonzero((lesions == LOOK).any(axis=(1, 2)))) <= set(ill)


def test_nothing_is_infected_in_a_normal_scan_nobody_outlined(tmp_path: Path) -> None:
    normal = replace(classed(2, "NP", "train"), outline=None, ignore=None)
    assert (_opened(normal, tmp_path)[:, 2] == 0).all()


@pytest.mark.parametrize("published", [True, False])
def test_slices_are_moved_with_what_is_known_of_them(
    studies: LabelledStudies, cache: Path, published: bool
) -> None:
    volume = studies.parts["train"][0]
    refs = [SliceRef(volume, 5)] * 4
    image, lesions = augmented(stacked(refs, SIZE, cache), _draws(1), published=published)
    assert image.shape == (4, 1, 32, 48)
    assert image.min() == 0
    assert 0.3 < image.max() <= 1
    # lesions are brighter than the rest of the lungs wherever they went
    for one, known in zip(image[:, 0], lesions, strict=True):
        ill = (known == 1) | (known == 3)
        if ill.sum() > 5:
            assert one[ill].median() > one[(known == 0) & (one > 0)].median()
    assert not torch.equal(image[0], image[1])


def test_classes_are_drawn_equally_often_and_free_slices_are_normal(
    studies: LabelledStudies, cache: Path
) -> None:
    task = MultiscaleTask(studies, cache, TINY)
    batches = [task.batch(_draws(seed)) for seed in range(12)]
    classes = Counter(torch.cat([batch["classes"] for batch in batches]).tolist())
    targets = Counter(torch.cat([batch["target"] for batch in batches]).tolist())
    assert set(classes) == {0, 1, 2}
    assert targets[2] > classes[2]
    assert targets[0] + targets[1] > 30


def test_published_training_gives_every_slice_the_class_of_its_patient(
    studies: LabelledStudies, cache: Path
) -> None:
    task = MultiscaleTask(studies, cache, replace(PAPER, size=SIZE, batch=6))
    batch = task.batch(_draws(0))
    assert torch.equal(batch["target"], batch["classes"])
    assert set(task.losses(task.network(), batch)) == {"focal"}
    settings = PAPER.settings
    assert (settings.steps, settings.learning_rate, settings.betas) == (20_000, 1e-4, (0.5, 0.9))
    assert (settings.validate_every * settings.patience, settings.optimiser) == (1000, "adam")
    assert (PAPER.size.height, PAPER.size.width, PAPER.size.field) == (224, 224, "frame")


def test_a_few_steps_teach_slices_apart(studies: LabelledStudies, cache: Path) -> None:
    task = ScalesTask(studies, cache, TINY)
    torch.manual_seed(0)
    network = task.network().train()
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    batch = task.batch(_draws(0))
    losses = []
    for _ in range(8):
        loss = torch.stack(list(task.losses(network, batch).values())).sum()
        losses.append(float(loss.detach()))
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
    assert losses[-1] < 0.6 * losses[0]


def test_training_makes_weights_that_can_be_used(
    studies: LabelledStudies, cache: Path, tmp_path: Path
) -> None:
    """Scales first, then the joint classifier with their weights; its header says how to read it."""
    from diagnosis.systems.multiscale import scales_training, training

    labels, out = str(_folder(tmp_path / "labels")), tmp_path / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "SMALL", replace(TINY, batch=2))
        patch.setattr(scales_training, "SMALL", replace(TINY, batch=2))
        command = ["train", "multiscale", "--labels", labels, "--out", str(out), "--steps", "1"]
        assert main([*command, "--cache", str(cache)]) == 0
    assert (out / "scales/multiscale-scales.safetensors").is_file()
    reader = reader_of(out / "multiscale.safetensors")
    assert reader.configuration.size == SIZE
    assert set(reader.configuration.operating_points) == {"COVID-19", "CAP"}


def test_more_slices_speak_for_a_patient_where_single_ones_are_false_alarms() -> None:
    alarm, quiet, ill = [0.7, 0.2, 0.1], [0.05, 0.05, 0.9], [0.5, 0.2, 0.3]
    found = [np.array([ill] * 10), np.array([[0.2, 0.5, 0.3]] * 10), np.array([alarm] * 2 + [quiet] * 8)]
    truth = ["COVID-19", "CAP", "NP"]
    assert best_share(truth, found) == 0.35
    calm = [*found[:2], np.array([quiet] * 10)]
    assert best_share(truth, calm) == 0.2


def test_patients_are_measured_by_their_own_classes() -> None:
    found = read_patients(["COVID-19", "CAP", "NP"], np.eye(3), CLASSES)
    assert (found["auc"], found["accuracy"], found["mean_auc"]) == (1.0, 1.0, 1.0)
    assert found["cross_entropy"] == pytest.approx(0, abs=1e-6)


def test_a_folder_without_one_of_the_classes_is_refused_in_one_sentence(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "labels", ("COVID-19", "NP"))
    with pytest.raises(RefusedInput, match="0 studies of class CAP") as refusal:
        MultiscaleTask(open_labelled(folder, tmp_path), tmp_path, TINY)
    assert refusal.value.code == "nothing_to_learn"
