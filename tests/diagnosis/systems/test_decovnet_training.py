"""What DeCoVNet is taught, and that a few steps teach it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from diagnosis.__main__ import main
from diagnosis.geometry import RefusedInput
from diagnosis.labels import Split, write_label_folder
from diagnosis.systems.decovnet.backbone_training import cells_of
from diagnosis.systems.decovnet.configuration import configuration_of
from diagnosis.systems.decovnet.preprocessing import InputSize
from diagnosis.systems.decovnet.training import SMALL, DeCoVNetTask, paper
from diagnosis.systems.study_outlines import UNKNOWN
from diagnosis.training.augmentation import Draws
from diagnosis.training.labelled import LabelledStudies, open_labelled
from diagnosis.weight_files import read_header
from tests.diagnosis.training.folders import study

SIZE = InputSize(32, 48, None)
TINY = replace(
    SMALL,
    size=SIZE,
    shrink=6,
    settings=replace(SMALL.settings, steps=2),
)
PARTS: tuple[Split, ...] = ("train", "train", "train", "validation", "validation")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> LabelledStudies:
    """Box chests with disease are COVID-19, the same with their disease cut out are not."""
    return open_labelled(_folder(tmp_path_factory.mktemp("labels")), cache)


def _folder(folder: Path, *, only: str | None = None) -> Path:
    made = []
    for number, part in enumerate(PARTS):
        for ill in (True, False):
            name = "COVID-19" if ill else ("NP", "CAP")[number % 2]
            if only is not None and name != only:
                continue
            one = study(number, part, slices=14)
            if not ill:
                hu = one.volume.hu.copy()
                hu[one.outline > 0] = -850
                one = replace(one, volume=replace(one.volume, hu=hu), outline=None)
            made.append(replace(one, study=f"{one.study}-{name}", class_name=name))
    write_label_folder(folder, made)
    return folder


def _draws(seed: int) -> Draws:
    return Draws(np.random.default_rng(seed), torch.device("cpu"))


def test_both_sides_are_drawn_equally_often_whatever_their_numbers(
    studies: LabelledStudies, cache: Path
) -> None:
    few = replace(studies, parts={**studies.parts, "train": studies.parts["train"][:4]})
    task = DeCoVNetTask(few, cache, TINY)

    drawn = Counter(int(task.batch(_draws(seed))["target"]) for seed in range(60))

    assert 18 <= drawn[0] <= 42


@pytest.mark.parametrize("published", [True, False])
def test_all_slices_are_moved_alike_and_the_mask_with_them(
    studies: LabelledStudies, cache: Path, published: bool
) -> None:
    task = DeCoVNetTask(studies, cache, replace(TINY, published=published))
    image = task.batch(_draws(3))["image"]

    assert image.shape == (1, 2, 12, 32, 48)
    assert float(image.min()) >= 0
    assert float(image.max()) <= 1
    assert set(image[0, 1].unique().tolist()) == {0.0, 1.0}
    # a box chest has the same lungs in every slice of its middle: so has the moved one
    assert torch.equal(image[0, 1, 5], image[0, 1, 8])
    # lung stays darker than what lies around it
    mask = image[0, 1] > 0
    assert float(image[0, 0][mask].median()) < float(image[0, 0][~mask].median())


def test_steps_on_one_study_of_each_side_tell_them_apart(studies: LabelledStudies, cache: Path) -> None:
    task = DeCoVNetTask(studies, cache, TINY)
    torch.manual_seed(0)
    network = task.network().train()
    optimiser = torch.optim.Adam(network.parameters(), 4e-3)
    pair = [
        next(b for seed in range(40) if (b := task.batch(_draws(seed)))["target"] == side) for side in (0, 1)
    ]

    for _ in range(30):
        loss = torch.stack([task.losses(network, batch)["cross_entropy"] for batch in pair]).mean()
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()

    assert float(loss.detach()) < 0.6 * np.log(2)


def test_validation_reads_every_study(studies: LabelledStudies, cache: Path) -> None:
    task = DeCoVNetTask(studies, cache, TINY)
    network = task.network().eval()

    with torch.no_grad():
        metrics = task.validate(network)

    assert set(metrics) == {"auc", "accuracy", "cross_entropy"}
    assert metrics["cross_entropy"] == pytest.approx(np.log(2), abs=0.05)


def test_the_published_schedule_is_the_papers(studies: LabelledStudies) -> None:
    schedule = paper(499)

    assert (schedule.settings.steps, schedule.settings.learning_rate) == (49_900, 1e-5)
    assert (schedule.settings.optimiser, schedule.settings.cosine) == ("adam", False)
    assert (schedule.size.height, schedule.size.width, schedule.size.slice_mm) == (224, 336, None)


def test_cells_lie_around_the_voxels_their_features_see() -> None:
    lesions = torch.zeros(4, 112, 168, dtype=torch.uint8)
    lesions[0:2, 4:12, 12:20] = 3
    lesions[2:, 100:, :] = UNKNOWN

    share, known = cells_of(lesions)

    assert share.shape == (1, 7, 2, 14, 21)
    assert share[0, 2, 0, 1, 2] == 1
    assert share.sum() == 1
    assert known[0, 0, 1, 11].all()
    assert not known[0, 0, 1, 13].any()


def test_a_backbone_taught_by_voxels_and_a_head_by_classes_make_weights_that_can_be_used(
    tmp_path: Path, cache: Path
) -> None:
    labels, out = str(_folder(tmp_path / "labels")), tmp_path / "out"

    command = ["train", "decovnet", "--labels", labels, "--out", str(out), "--steps", "2"]
    assert main([*command, "--cache", str(cache)]) == 0

    start, head = out / "backbone/decovnet-backbone.safetensors", out
    taught = load_file(start)
    final = load_file(head / "decovnet.safetensors")
    assert all(torch.equal(taught[name], final[name]) for name in taught if name.startswith("backbone"))
    assert not all(torch.equal(taught[name], final[name]) for name in taught)
    again = ["train", "decovnet", "--labels", labels, "--out", str(tmp_path / "again"), "--steps", "2"]
    assert main([*again, "--start", str(start), "--cache", str(cache)]) == 0
    assert load_file(tmp_path / "again/decovnet.safetensors").keys() == final.keys()
    for name, value in load_file(tmp_path / "again/decovnet.safetensors").items():
        assert torch.equal(value, final[name])
    configuration = configuration_of(start, read_header(head / "decovnet.safetensors"))
    assert 0 <= configuration.operating_point <= 1
    assert set(configuration.scales) == {"released", "gradient"}


def test_one_class_alone_is_refused_in_one_sentence(tmp_path: Path, cache: Path) -> None:
    folder = _folder(tmp_path / "labels", only="COVID-19")

    with pytest.raises(RefusedInput, match=r"\d studies with COVID-19 and 0 without") as refusal:
        DeCoVNetTask(open_labelled(folder, cache), cache, TINY)

    assert refusal.value.code == "nothing_to_learn"
