"""``python -m diagnosis evaluate``: its figures follow from its rows, and a killed run goes on."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from diagnosis.__main__ import main
from diagnosis.commands import scanner_swap
from diagnosis.commands.scanner_swap import imaged_on, other_scanner
from diagnosis.labels import ClassName, StudyLabel, write_label_folder
from diagnosis.phantom.export import label_of
from diagnosis.phantom.phantom import PhantomRequest, make_phantom
from diagnosis.phantom.scanners import SCANNERS, TRAINING_SCANNERS, UNSEEN_SCANNERS
from diagnosis.systems.decovnet.evaluation import PUBLISHED, DeCoVNetEvaluator
from diagnosis.systems.decovnet.network import DeCoVNet
from diagnosis.systems.decovnet.preprocessing import InputSize, as_tensor, network_input
from diagnosis.training.labelled import open_labelled
from diagnosis.volume import CTVolume, LabelArray
from diagnosis.weights import load_weights, save_weights
from tests.diagnosis.phantom.standins import phantom_on
from tests.diagnosis.training.folders import classed

KEY = "COVID-19"
CLASSES: tuple[ClassName, ...] = ("NP", "COVID-19", "CAP", "COVID-19", "NP")
POINT = 0.4
SIZE = InputSize(32, 48, None)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def darker(number: int) -> StudyLabel:
    """Chests that differ in how dense they are, whatever their class."""
    one = classed(number, CLASSES[number], "test")
    hu = one.volume.hu + np.int16(40 * number)
    return replace(one, volume=CTVolume(hu, one.volume.affine))


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labels")
    write_label_folder(folder, map(darker, range(len(CLASSES))))
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("weights") / "untrained.safetensors", seed=1)


def written(path: Path, seed: int) -> Path:
    """An untrained network whose last layer spreads its answers on these chests between 0 and 1."""
    torch.manual_seed(seed)
    network = DeCoVNet(shrink=4).eval()
    with torch.no_grad():
        logits = torch.cat([network(as_tensor(network_input(*seen, SIZE).image)) for seen in scans()])
        difference = logits[:, 1] - logits[:, 0]
        last = list(network.classes.children())[-1]
        gain = 2 / difference.std()
        for name, value in last.named_parameters():
            value *= gain
            if name == "bias":
                value[1] -= gain * difference.mean()
    heatmap = {"reference": 0.01, "threshold": 0.2}
    config = {
        "head": "released", "shrink": 4, "input": asdict(SIZE), "operating_point": POINT,
        "heatmaps": {"cam": heatmap, "cam gradient": heatmap},
    }  # fmt: skip
    save_weights(path, network, {"system": "decovnet", "version": f"test-{seed}", "config": config})
    return path


def scans() -> Iterator[tuple[CTVolume, LabelArray]]:
    for number in range(len(CLASSES)):
        one = darker(number)
        if one.lungs is not None:
            yield one.volume, one.lungs


def command(labels: Path, weights: Path, out: Path, *more: str) -> list[str]:
    given = ["--labels", str(labels), "--weights", str(weights), "--out", str(out), "--lungs", "truth"]
    return ["evaluate", "decovnet", *given, *more]


@pytest.fixture(scope="module")
def evaluated(labels: Path, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    assert main(command(labels, weights, out)) == 0
    return out


def rows_of(out: Path, name: str = "predictions.csv") -> list[dict[str, str]]:
    with (out / name).open(newline="") as file:
        return list(csv.DictReader(file))


def document_of(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "evaluation.json").read_text())
    return found


def test_every_figure_follows_from_the_rows(evaluated: Path, labels: Path) -> None:
    rows = rows_of(evaluated)
    assert [(row["study"], row["patient"], row["class"]) for row in rows] == [
        (f"phantom-{number}", f"patient-{number}", name) for number, name in enumerate(CLASSES)
    ]
    scores = {row["study"]: float(row[KEY]) for row in rows}
    assert len(set(scores.values())) == len(CLASSES)
    ill = [scores[row["study"]] for row in rows if row["class"] == KEY]
    well = [scores[row["study"]] for row in rows if row["class"] != KEY]
    document = document_of(evaluated)
    assert document["label_set"] == json.loads((labels / "manifest.json").read_text())["label_set"]
    assert (document["part"], document["version"], document["n"]) == ("test", "test-1", 5)
    report = document["probabilities"][KEY]
    area = np.mean([one > other for one, other in product(ill, well)])
    assert report["auc"]["value"] == pytest.approx(area)
    assert min(scores.values()) < 0.3 < 0.7 < max(scores.values())
    for row in report["thresholds"]:
        hits = sum(score >= row["threshold"] for score in ill)
        clear = sum(score < row["threshold"] for score in well)
        assert row["rates"]["sensitivity"]["value"] == pytest.approx(hits / 2)
        assert row["rates"]["specificity"]["value"] == pytest.approx(clear / 3)
        assert row["rates"]["accuracy"]["value"] == pytest.approx((hits + clear) / 5)
    assert report["operating_points"]["of the weights"]["threshold"] == POINT
    assert set(report["by_scanner"]) == set(UNSEEN_SCANNERS[:2])
    assert set(report["by_class"]) == {"NP", "CAP", KEY}
    assert set(report["by_co_rads"]) == {"2", "5"}


def test_hits_are_counted_over_true_positives(evaluated: Path) -> None:
    rows = rows_of(evaluated)
    found = document_of(evaluated)["localisation"]
    true = [row for row in rows if row["class"] == KEY and float(row[KEY]) >= POINT]
    assert true
    assert (found["true_positives"], found["with_known_lesions"]) == (len(true), len(true))
    for method in PUBLISHED:
        assert all(row[method] in {"0.0", "1.0"} for row in true)
        assert found["hit_rate"][method]["hits"] == sum(float(row[method]) for row in true)
        assert found["hit_rate"][method]["total"] == len(true)
        assert all(row[method] == "" for row in rows if float(row[KEY]) < POINT or row["class"] == "NP")
    assert 0 < found["chance"] < 0.2


def test_it_leaves_tables_curves_and_weights_that_say_how_they_were_measured(
    evaluated: Path, weights: Path
) -> None:
    text = (evaluated / "evaluation.md").read_text()
    for words in ("Not a medical device", "| 0.5 |", UNSEEN_SCANNERS[0], "| yes | yes |", "of the weights"):
        assert words in text
    assert Image.open(evaluated / "roc.png").size[0] > 500
    measured, given = DeCoVNet(shrink=4), DeCoVNet(shrink=4)
    header = load_weights(evaluated / "decovnet.safetensors", measured, "decovnet")
    before = load_weights(weights, given, "decovnet")
    document = document_of(evaluated)
    assert header["evaluation"]["auc"] == document["probabilities"][KEY]["auc"]["value"]
    assert header["evaluation"]["label_set"] == document["label_set"]
    assert (header["evaluation"]["n"], header["evaluation"]["part"]) == (5, "test")
    assert {name: value for name, value in header.items() if name != "evaluation"} == before
    for name, tensor in given.state_dict().items():
        assert torch.equal(tensor, measured.state_dict()[name])


def test_a_killed_run_goes_on_with_what_is_missing(
    evaluated: Path, labels: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = (evaluated / "predictions.csv").read_text()
    out = tmp_path / "out"
    out.mkdir()
    (out / "run.json").write_text((evaluated / "run.json").read_text())
    (out / "predictions.csv").write_text(whole[: whole.index("phantom-3") + 20])
    read, original = [], DeCoVNetEvaluator.read

    def counted(self: DeCoVNetEvaluator, *given: Any) -> Any:
        read.append(given)
        return original(self, *given)

    monkeypatch.setattr(DeCoVNetEvaluator, "read", counted)
    assert main(command(labels, weights, out, "--cache", str(evaluated / "cache"))) == 0
    assert len(read) == 2
    assert (out / "predictions.csv").read_text() == whole
    assert document_of(out) == document_of(evaluated)


def test_other_weights_do_not_mix_with_rows_that_are_there(
    evaluated: Path, labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = written(tmp_path / "other.safetensors", seed=2)
    assert main(command(labels, other, evaluated)) == 2
    assert "holds an evaluation of other weights" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "status", "words"),
    [
        (["--part", "validation"], 3, "no studies in its validation part"),
        (["--swap", "-1"], 2, "--swap takes a number of phantoms"),
        (["--weights", "missing.safetensors"], 2, "missing.safetensors does not exist"),
    ],
)
def test_what_can_not_be_done_is_said_in_one_sentence(
    labels: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str],
    status: int, words: str,
) -> None:  # fmt: skip
    assert main(command(labels, weights, tmp_path / "out", *more)) == status
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_phantoms_are_read_again_on_another_scanner(
    evaluated: Path, labels: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    shutil.copytree(evaluated, out)
    asked: list[PhantomRequest] = []

    def made(request: PhantomRequest) -> Any:
        asked.append(request)
        return phantom_on(SCANNERS[request.scanner or ""], seed=request.seed)

    monkeypatch.setattr(scanner_swap, "make_phantom", made)
    again = command(labels, weights, out, "--swap", "3")
    assert main(again) == 0
    assert [(one.seed, one.kind, one.day, one.severity, one.shape) for one in asked] == [
        (0, "np", 5.0, 0.5, (12, 48, 48)), (2, "cap", 5.0, 0.5, (12, 48, 48)),
        (4, "np", 5.0, 0.5, (12, 48, 48)),
    ]  # fmt: skip
    before = {row["study"]: row for row in rows_of(evaluated)}
    after = rows_of(out, "scanner-swap.csv")
    assert all(row["scanner"] != before[row["study"]]["scanner"] for row in after)
    changes = [abs(float(row[KEY]) - float(before[row["study"]][KEY])) for row in after]
    found = document_of(out)["scanner_swap"][KEY]
    assert (found["n"], found["median"]) == (3, pytest.approx(sorted(changes)[1]))
    assert found["percentile_95"] == pytest.approx(np.percentile(changes, 95))
    assert "## Scanner swap" in (out / "evaluation.md").read_text()
    assert main(again) == 0
    assert len(asked) == 3


def test_phantoms_of_another_version_can_not_be_imaged_again(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = classed(0, "COVID-19", "test")
    old = replace(old, provenance={**old.provenance, "version": "1"})
    write_label_folder(tmp_path / "old", [old])
    assert main(command(tmp_path / "old", weights, tmp_path / "out", "--swap", "1")) == 3
    error = capsys.readouterr().err
    assert "of version 1" in error
    assert "Leave --swap out" in error
    assert not (tmp_path / "out/predictions.csv").exists()


def test_the_same_scanner_gives_the_same_image_again(tmp_path: Path) -> None:
    phantom = make_phantom(PhantomRequest(3, "covid", scanner="frost-standard", shape=(16, 40, 40)))
    label = label_of(phantom)
    write_label_folder(tmp_path / "labels", [label])
    studies = open_labelled(tmp_path / "labels", tmp_path / "cache", [label.split]).part(label.split)
    again = imaged_on(studies[0], "frost-standard")
    np.testing.assert_array_equal(again.volume.hu, phantom.volume.hu)
    assert other_scanner(studies[0]) in {*TRAINING_SCANNERS, *UNSEEN_SCANNERS} - {"frost-standard"}
