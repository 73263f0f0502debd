"""The comparisons of Tables III and IV: each variant sees what it should, all are measured alike."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.decovnet_comparisons import (
    FCHeadTask,
    Variant,
    begun,
    compare,
    forest,
    without_lungs,
)
from benchmarks.lengths import of_length
from diagnosis.labels import Split, write_label_folder
from diagnosis.systems.decovnet import backbone_training, head_training
from diagnosis.systems.decovnet.head_training import HeadTask
from diagnosis.systems.decovnet.network import DeCoVNet
from diagnosis.systems.decovnet.preprocessing import InputSize
from diagnosis.systems.decovnet.training_inputs import study_input
from diagnosis.training.augmentation import Draws
from diagnosis.training.checkpoint import digest_of
from diagnosis.training.labelled import LabelledStudies, open_labelled
from diagnosis.weights import save_weights
from tests.diagnosis.training.folders import classed

PARTS: tuple[Split, ...] = ("train", "train", "validation", "test", "test")
SIZE = InputSize(32, 48, None)
FIRST = replace(
    backbone_training.SMALL, settings=of_length(backbone_training.SMALL.settings, 2, seed=0), size=SIZE
)
THEN = replace(
    head_training.SMALL, settings=of_length(head_training.SMALL.settings, 2, seed=0), size=SIZE, shrink=12,
    variants=1, batch=4,
)  # fmt: skip


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> LabelledStudies:
    folder = tmp_path_factory.mktemp("labels")
    made = []
    for place, part in enumerate(PARTS):
        made += [classed(2 * place, "COVID-19", part), classed(2 * place + 1, "NP", part)]
    write_label_folder(folder, made)
    return open_labelled(folder, cache, ("train", "validation", "test"))


def features_in(folder: Path) -> set[str]:
    """What the names of kept features end on: version of the backbone, grid, variant."""
    return {path.name.split(".decovnet-features.")[1] for path in folder.glob("*.decovnet-features.*.npy")}


def test_every_variant_is_measured_on_the_test_part(
    studies: LabelledStudies, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backbone = DeCoVNet().backbone
    variants = {
        "released head": Variant(),
        "paper head": Variant("paper"),
        "no lung mask": Variant(lungs=False, published_accuracy="0.817"),
    }
    found = compare(studies, cache, FIRST, THEN, variants, backbone.state_dict())
    assert list(found) == [*variants, "32 bins hist. + random forest"]
    assert [one.parameters for one in found.values()] == [346_978, 345_922, 346_978, None]
    for one in found.values():
        assert one.scores.shape == (4,)
        assert one.scores.min() >= 0
        assert one.scores.max() <= 1
    printed = capsys.readouterr()
    assert "4 test studies, 2 with COVID-19; 2 steps" in printed.out
    for paper in ("0.817", "0.786"):
        assert paper in printed.out
    assert "step 2/2" in printed.err
    given = digest_of(backbone)
    assert {f"{given}.12.0.npy", f"{given}.paper-12.0.npy"} <= features_in(cache)
    (own,) = features_in(cache / "whole-scans")
    assert not own.startswith(given)


def test_without_a_given_backbone_one_is_taught_for_all_that_see_lungs(
    studies: LabelledStudies, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compare(studies, cache, FIRST, THEN, {"one": Variant(), "other": Variant(dropout=0.0)})
    assert capsys.readouterr().err.count("first the backbone") == 1


def test_features_are_kept_apart_where_the_first_pools_of_heads_differ(
    studies: LabelledStudies, tmp_path: Path
) -> None:
    """The released head's keep the name they have always had; dropout comes after the features."""
    tasks = (
        HeadTask(studies, tmp_path, THEN),
        HeadTask(studies, tmp_path, replace(THEN, head="paper", dropout=0.0)),
        HeadTask(studies, tmp_path, replace(THEN, head="paper", dropout=0.5)),
    )
    for task in tasks:
        torch.manual_seed(0)
        network = task.network()
        task.started(network, taught=True)
    version = digest_of(network.get_submodule("backbone"))
    assert features_in(tmp_path) == {f"{version}.12.0.npy", f"{version}.paper-12.0.npy"}


def test_the_fully_connected_classifier_learns_by_the_same_task(
    studies: LabelledStudies, tmp_path: Path
) -> None:
    task = FCHeadTask(studies, tmp_path, THEN)
    network = task.network()
    assert sum(parameter.numel() for parameter in network.parameters()) == 43_104_514
    task.started(network, taught=True)
    assert features_in(tmp_path) == {f"{digest_of(network.get_submodule('backbone'))}.fc.0.npy"}
    with torch.inference_mode():
        loss = task.losses(network, task.batch(Draws(np.random.default_rng(0), torch.device("cpu"))))
        assert bool(loss["cross_entropy"].isfinite())
        assert {"auc", "accuracy"} <= set(task.validate(network.eval()))


def test_a_forest_of_histograms_tells_box_chests_apart(studies: LabelledStudies, cache: Path) -> None:
    scores = forest(studies, THEN, cache).scores
    assert min(scores[0::2]) > max(scores[1::2])


def test_without_lungs_the_whole_scan_is_seen_and_nothing_marked(
    studies: LabelledStudies, cache: Path
) -> None:
    volume = without_lungs(studies, cache).parts["test"][0]
    grey, mask, _ = study_input(volume, SIZE, cache)
    assert grey.shape == (12, 32, 48)
    assert (mask == 1).all()
    assert np.median(grey[:, :2]) == 28  # the air around the patient: -1000 HU of -1200 to 600


def test_a_taught_backbone_comes_with_its_input(tmp_path: Path) -> None:
    network, size = DeCoVNet(), InputSize(32, 48, 9.0)
    header = {"system": "decovnet", "version": "1", "config": {"input": asdict(size)}}
    save_weights(tmp_path / "backbone.safetensors", network, header)
    found, backbone = begun(tmp_path / "backbone.safetensors")
    assert found == size
    for name, value in network.backbone.state_dict().items():
        torch.testing.assert_close(backbone[name], value, rtol=1e-3, atol=1e-6)
