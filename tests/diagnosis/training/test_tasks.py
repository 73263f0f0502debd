"""What each network is taught: targets, losses by hand, balance, and that a few steps help."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from diagnosis.geometry import RefusedInput
from diagnosis.labels import write_label_folder
from diagnosis.lesions import paper_training
from diagnosis.lesions import training as lesion_training
from diagnosis.lesions.input import lesion_window
from diagnosis.lesions.tally import IGNORED, Tally, type_scale
from diagnosis.lesions.training import (
    NOT_INFECTED,
    TYPE_LOSS,
    LesionSchedule,
    LesionTask,
    lesion_losses,
    read_slice,
    target_of,
    windowed,
)
from diagnosis.lungs import deepmedic_training, lobe_training
from diagnosis.lungs.input import deepmedic_window, lung_window
from diagnosis.lungs.lobe_input import GRID
from diagnosis.lungs.training import LungSchedule, LungTask, greys, paper
from diagnosis.training.augmentation import Draws
from diagnosis.training.labelled import LabelledStudies, open_labelled
from diagnosis.training.losses import dice_loss
from diagnosis.training.patches import cut, read_block
from diagnosis.training.sampling import (
    BalancedSlices,
    SliceRef,
    every_slice,
    fitted,
    pooled_labels,
    slab_around,
    slices_holding,
)
from tests.diagnosis.training.folders import study, write_folder

CPU = torch.device("cpu")
TINY = LesionSchedule(lesion_training.SMALL.settings, batch=3, size=48, part=32, validation_slices=6)


def draws(seed: int = 0) -> Draws:
    return Draws(np.random.default_rng(seed), CPU)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def studies(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> LabelledStudies:
    folder = tmp_path_factory.mktemp("labels") / "labels"
    write_folder(folder)
    return open_labelled(folder, cache)


@pytest.fixture(scope="module")
def readings(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> LabelledStudies:
    """As readers sign them: lesions outlined, no anatomy."""
    folder = tmp_path_factory.mktemp("readings") / "labels"
    write_folder(folder, truth=False)
    return open_labelled(folder, cache)


def test_a_lesion_target_puts_ignore_before_lesion_before_vessel_before_lung(
    studies: LabelledStudies,
) -> None:
    volume = studies.part("train")[0]
    index = int(volume.slices_with("outline", [1])[0])
    target = target_of(volume, index)
    lungs, outline, vessels = (
        volume.labels(name, index, index + 1)[0] for name in ("lungs", "outline", "vessels")
    )

    assert (target[:2] == IGNORED).all()
    rest = np.s_[2:]
    assert (target[rest][outline[rest] == 1] == 2).all()
    assert (target[rest][(vessels > 0)[rest] & (outline == 0)[rest]] == 6).all()
    assert (target[rest][(lungs > 0)[rest] & (outline == 0)[rest] & (vessels == 0)[rest]] == 1).all()
    assert (target[rest][(lungs == 0)[rest] & (outline == 0)[rest]] == 0).all()


def test_without_lung_truth_only_infection_is_taught(readings: LabelledStudies) -> None:
    volume = readings.part("train")[0]
    target = target_of(volume, int(volume.slices_with("outline", [1])[0]))

    assert set(np.unique(target)) == {2, NOT_INFECTED, IGNORED}


def test_the_loss_counts_what_is_known_and_nothing_else() -> None:
    logits = torch.zeros(1, 10, 1, 4)
    logits[0, 1] = 3.0
    weights = torch.ones(10)
    share = np.exp(3.0) / (np.exp(3.0) + 9)
    other = 1 / (np.exp(3.0) + 9)

    certain = lesion_losses(logits, torch.tensor([[[1, 1, IGNORED, IGNORED]]]), weights)
    weak = lesion_losses(logits, torch.full((1, 1, 4), NOT_INFECTED), weights)
    nothing = lesion_losses(logits, torch.full((1, 1, 4), IGNORED), weights)

    assert float(certain["cross_entropy"]) == pytest.approx(-np.log(share), rel=1e-5)
    assert float(weak["cross_entropy"]) == pytest.approx(-np.log(1 - 4 * other), rel=1e-5)
    assert all(float(value) == 0 for value in nothing.values())


def test_a_type_taken_for_another_costs_no_infection() -> None:
    """Ground glass called consolidation is found infection: the cross-entropy is that of a right answer."""
    target = torch.full((1, 1, 4), 2)
    right, wrong = torch.full((2, 1, 10, 1, 4), -9.0).unbind()
    right[0, 2] = wrong[0, 4] = 9.0
    weights = torch.ones(10)

    found, mistaken = lesion_losses(right, target, weights), lesion_losses(wrong, target, weights)

    assert float(mistaken["cross_entropy"]) == pytest.approx(float(found["cross_entropy"]), abs=1e-6)
    assert float(found["type"]) == pytest.approx(0, abs=1e-6)
    assert float(mistaken["type"]) == pytest.approx(TYPE_LOSS * 18, rel=1e-5)


def test_dice_loss_by_hand() -> None:
    probability, truth = torch.tensor([1.0, 0.5, 0.0, 1.0]), torch.tensor([1.0, 1.0, 0.0, 0.0])

    assert float(dice_loss(probability, truth)) == pytest.approx(1 - (2 * 1.5 + 1) / (2.5 + 2 + 1))
    assert float(dice_loss(probability, truth, torch.tensor([1.0, 1.0, 1.0, 0.0]))) == pytest.approx(
        1 - (2 * 1.5 + 1) / (1.5 + 2 + 1)
    )
    assert float(dice_loss(torch.zeros(3), torch.zeros(3))) == 0


def test_a_perfect_answer_tallies_to_one() -> None:
    target = torch.tensor([[[0, 1, 2, 4, IGNORED, 9]]])
    probability = torch.nn.functional.one_hot(target.clamp_max(9), 10).permute(0, 3, 1, 2).float()
    tally = Tally()
    tally.add(probability, target)

    metrics = tally.metrics()
    assert metrics.pop("infected_percent_bias") == 0
    assert metrics.pop("type_balance") == 0
    assert set(metrics) == {
        "lung_dice", "infected_dice", "ground_glass_dice", "consolidation_dice", "effusion_dice",
    }  # fmt: skip
    assert all(value == 1 for value in metrics.values())


def test_the_balance_that_names_types_best_is_told() -> None:
    """Ground glass that training made look a little more like crazy paving than it is."""
    target = torch.tensor([[[2, 2, 2, 3]]])
    probability = torch.zeros(1, 10, 1, 4)
    probability[0, 2, 0] = torch.tensor([0.4, 0.4, 0.4, 0.1])
    probability[0, 3, 0] = torch.tensor([0.6, 0.6, 0.6, 0.9])
    tally = Tally()
    tally.add(probability, target)

    metrics = tally.metrics()

    assert metrics["type_balance"] == 0.2
    assert metrics["ground_glass_dice"] == metrics["crazy_paving_dice"] == 1
    likelier, rarer = type_scale(0.2)[:2]
    assert 0.6 * rarer < 0.4 * likelier
    assert 0.9 * rarer > 0.1 * likelier


def test_rare_lesions_are_drawn_as_often_as_common_ones(studies: LabelledStudies) -> None:
    train = studies.part("train")
    ground_glass = slices_holding(train, "outline", [1], 1)
    consolidation = slices_holding(train, "outline", [3], 1)[:1]
    slices = BalancedSlices(
        {
            "1": (0.25, ground_glass),
            "3": (0.25, consolidation),
            "10": (0.5, []),
            "any": (0.5, every_slice(train)),
        }
    )

    drawn = slices.draw(np.random.default_rng(0), 2000)

    counts = Counter(id(ref) for ref in drawn)
    assert counts[id(consolidation[0])] == pytest.approx(500, abs=80)
    with pytest.raises(ValueError, match="no slices"):
        BalancedSlices({"any": (1.0, [])})


def test_training_scales_as_use_does() -> None:
    hu = np.linspace(-1500, 900, 500).astype(np.float32)

    np.testing.assert_allclose(windowed(torch.from_numpy(hu)), lesion_window(hu), atol=1e-6)
    np.testing.assert_allclose(greys(torch.from_numpy(hu)), lung_window(hu), atol=1e-6)
    scaled = deepmedic_training._windowed(torch.from_numpy(hu))
    np.testing.assert_allclose(scaled, deepmedic_window(hu), atol=1e-6)


def test_thin_slices_are_averaged_around_the_slice(tmp_path: Path) -> None:
    write_label_folder(tmp_path / "labels", [study(0, slices=250, size=32), study(1, "validation")])
    volume = open_labelled(tmp_path / "labels", tmp_path / "cache").part("train")[0]
    hu = volume.arrays["ct"].whole().astype(np.float32)

    values, place, step_mm = slab_around(SliceRef(volume, 101), 4.5, 2.0)

    assert step_mm == pytest.approx(2 * volume.spacing_mm[0])
    np.testing.assert_allclose(values[place], hu[100:102].mean(axis=0), atol=1e-3)
    assert len(values) == 2 * place + 1 == 7
    for edge in (0, 249):
        values, place, _ = slab_around(SliceRef(volume, edge), 4.5, 2.0)
        assert 0 <= place < len(values)


def test_slices_are_cut_and_filled_around_their_middle() -> None:
    image = np.arange(24).reshape(1, 4, 6)

    np.testing.assert_array_equal(fitted(image, (2, 8), -1)[0, 0], [-1, 6, 7, 8, 9, 10, 11, -1])
    np.testing.assert_array_equal(pooled_labels(image[0], 2), [[7, 9, 11], [19, 21, 23]])


def test_a_block_outside_is_air(studies: LabelledStudies) -> None:
    volume = studies.part("train")[0]
    hu, (lungs,) = read_block(volume, (0, 0, 0), (4, 8, 8), (1, 2, 2), ("lungs",))

    assert hu.shape == lungs.shape == (4, 8, 8)
    assert (hu[:2] == -1000).all()
    corner = volume.hu(0, 1)[0, :2, :2].mean()
    assert hu[2, 4, 4] == pytest.approx(corner)
    np.testing.assert_array_equal(cut(np.arange(5), [-2], [4], 9), [9, 9, 0, 1])
    np.testing.assert_array_equal(cut(np.arange(5), [7], [2], 9), [9, 9])


def test_a_lesion_batch_is_what_the_network_takes(studies: LabelledStudies) -> None:
    task = LesionTask(studies, TINY)

    batch = task.batch(draws())

    assert batch["image"].shape == (3, 3, 32, 32)
    assert batch["target"].shape == (3, 32, 32)
    assert 0 <= float(batch["image"].min()) <= float(batch["image"].max()) <= 1
    again = task.batch(draws())
    assert torch.equal(batch["image"], again["image"])
    image, target = read_slice(task._validation[0], (48, 48))
    assert image.shape == (3, 48, 48)
    assert target.dtype == np.uint8


def fits(task: LesionTask | LungTask, steps: int = 8) -> tuple[float, float]:
    """Loss before and after a few steps on one batch."""
    torch.manual_seed(0)
    network = task.network()
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    batch = task.batch(draws())
    losses = []
    for _ in range(steps):
        loss = torch.stack(list(task.losses(network, batch).values())).sum()
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        losses.append(float(loss.detach()))
    network.eval()
    with torch.no_grad():
        assert all(np.isfinite(value) for value in task.validate(network).values())
    return losses[0], losses[-1]


def test_the_lesion_network_learns_from_phantoms_and_from_readings(
    studies: LabelledStudies, readings: LabelledStudies
) -> None:
    for source in (studies, readings):
        first, last = fits(LesionTask(source, TINY))
        assert last < 0.9 * first


@pytest.mark.parametrize("published", [False, True])
def test_the_lung_network_learns(studies: LabelledStudies, published: bool) -> None:
    schedule = LungSchedule(
        TINY.settings, batch=3, size=48, part=32, published=published, validation_slices=4
    )

    first, last = fits(LungTask(studies, schedule))

    assert last < 0.9 * first


def test_the_published_schedule_of_the_lung_network() -> None:
    schedule = paper(10)

    assert schedule.batch == 48
    assert schedule.size == schedule.part == 368
    assert schedule.clip == (0.2, 0.85)
    assert schedule.settings.steps == 1300
    assert (schedule.settings.optimiser, schedule.settings.learning_rate) == ("adam", 1e-3)
    assert not schedule.settings.cosine


def test_lobe_cases_move_with_their_truth_and_keep_their_coordinates(
    studies: LabelledStudies, cache: Path
) -> None:
    task = lobe_training.LobeTask(studies, cache, replace(lobe_training.SMALL, batch=1))

    batch = task.batch(draws())

    case, target = batch["case"], batch["target"]
    assert case.shape == (1, 6, *GRID)
    inside = (case[:, 1] + case[:, 2] > 0.5) == (target > 0)
    assert float(inside.float().mean()) > 0.93
    left = target >= 4
    assert float(case[:, 2][left].mean()) > 0.9 > 0.1 > float(case[:, 1][left].mean())
    assert float(case[0, 5, 0, 0, 0]) == pytest.approx(-1 + 1 / GRID[2])
    perfect = torch.nn.functional.one_hot(target, 6).permute(0, 4, 1, 2, 3).float() * 10
    right = case[:, 1] >= case[:, 2]
    found = lobe_training.own_side(perfect, right)
    assert float((found == target)[target > 0].float().mean()) > 0.98


@pytest.mark.parametrize(
    ("module", "block"), [(paper_training, (32, 32, 32)), (deepmedic_training, (9, 18, 18))]
)
def test_block_networks_take_their_batches(
    studies: LabelledStudies, cache: Path, module: object, block: tuple[int, int, int]
) -> None:
    task = module.task(studies, cache, "small")  # type: ignore[attr-defined]
    task.schedule = replace(task.schedule, block=block, batch=1)
    network = task.network()

    losses = task.losses(network, task.batch(draws()))

    torch.autograd.backward(torch.stack(list(losses.values())).sum())
    assert all(bool(parameter.grad.isfinite().all()) for parameter in network.parameters())
    task._validation = task._validation[:1]
    with torch.no_grad():
        metrics = task.validate(network.eval())
    assert 0 <= metrics[task.headline] <= 1


def test_a_folder_that_can_not_teach_is_refused_in_words(
    readings: LabelledStudies, cache: Path, tmp_path: Path
) -> None:
    with pytest.raises(RefusedInput, match=r"has lungs\.nii\.gz"):
        LungTask(readings)
    with pytest.raises(RefusedInput, match=r"lungs\.nii\.gz and lobes\.nii\.gz"):
        lobe_training.LobeTask(readings, cache)
    write_folder(tmp_path / "labels", lesions=False)
    with pytest.raises(RefusedInput, match="outlined lesion"):
        LesionTask(open_labelled(tmp_path / "labels", cache))
