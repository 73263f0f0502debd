"""The comparisons of Tables III and IV: each variant sees what it should, all are measured alike."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.decovnet_comparisons import (
    FCTask,
    Variant,
    begun,
    compare,
    forest,
    shortened,
    without_lungs,
)
from diagnosis.labels import Split, write_label_folder
from diagnosis.systems.decovnet.network import DeCoVNet
from diagnosis.systems.decovnet.preprocessing import InputSize
from diagnosis.systems.decovnet.training import SMALL
from diagnosis.systems.decovnet.training_inputs import study_input
from diagnosis.training.labelled import LabelledStudies, open_labelled
from diagnosis.weights import save_weights
from tests.diagnosis.training.folders import classed

PARTS: tuple[Split, ...] = ("train", "train", "validation", "test", "test")
TINY = shortened(replace(SMALL, size=InputSize(32, 48, None), shrink=4), steps=2, seed=0)


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


def test_every_variant_is_measured_on_the_test_part(
    studies: LabelledStudies, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    variants = {
        "released head": Variant(),
        "no lung mask": Variant(lungs=False, published_accuracy="0.817"),
    }
    found = compare(studies, cache, TINY, variants)
    assert list(found) == [*variants, "32 bins hist. + random forest"]
    assert [one.parameters for one in found.values()] == [346_978, 346_978, None]
    for one in found.values():
        assert one.scores.shape == (4,)
        assert one.scores.min() >= 0
        assert one.scores.max() <= 1
    printed = capsys.readouterr().out
    assert "4 test studies, 2 with COVID-19; 2 steps" in printed
    for paper in ("0.817", "0.786"):
        assert paper in printed


def test_a_forest_of_histograms_tells_box_chests_apart(studies: LabelledStudies, cache: Path) -> None:
    scores = forest(studies, TINY, cache).scores
    assert min(scores[0::2]) > max(scores[1::2])


def test_without_lungs_the_whole_scan_is_seen_and_nothing_marked(
    studies: LabelledStudies, cache: Path
) -> None:
    volume = without_lungs(studies, cache).parts["test"][0]
    grey, mask, _ = study_input(volume, TINY.size, cache)
    assert grey.shape == (12, 32, 48)
    assert (mask == 1).all()
    assert np.median(grey[:, :2]) == 28  # the air around the patient: -1000 HU of -1200 to 600


def test_a_taught_backbone_comes_with_its_input(tmp_path: Path) -> None:
    network, size = DeCoVNet(shrink=2), InputSize(32, 48, 9.0)
    header = {"system": "decovnet", "version": "1", "config": {"shrink": 2, "input": asdict(size)}}
    save_weights(tmp_path / "backbone.safetensors", network, header)
    schedule, backbone = begun(tmp_path / "backbone.safetensors", TINY)
    assert (schedule.size, schedule.shrink, schedule.settings) == (size, 2, TINY.settings)
    assert set(backbone) == {f"backbone.{name}" for name in network.backbone.state_dict()}


def test_the_fully_connected_classifier_learns_by_the_same_task(
    studies: LabelledStudies, cache: Path
) -> None:
    task = FCTask(studies, cache, TINY)
    network = task.network()
    assert sum(parameter.numel() for parameter in network.parameters()) == 43_104_514
    with torch.inference_mode():
        assert set(task.validate(network.eval())) >= {"auc", "accuracy"}
