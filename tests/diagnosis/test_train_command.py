"""``python -m diagnosis train``: what it writes, that it goes on, and what it says when it can not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from diagnosis.__main__ import main
from diagnosis.lesions import training as lesion_training
from diagnosis.lesions.training import LesionSchedule
from diagnosis.lesions.unet25d import LesionUNet
from diagnosis.training.loop import Interrupted
from diagnosis.weight_files import read_header
from diagnosis.weights import load_weights, save_weights
from tests.diagnosis.training.folders import write_folder

SETTINGS = replace(lesion_training.SMALL.settings, steps=3, validate_every=2, checkpoint_every=2)
TINY = LesionSchedule(SETTINGS, batch=2, size=48, part=32, validation_slices=6)


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A schedule of seconds, on one thread: with more, threads would wait longer than they compute."""
    monkeypatch.setattr(lesion_training, "SMALL", TINY)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("folder") / "labels"
    write_folder(folder)
    return folder


def command(labels: Path, out: Path, *more: str, system: str = "lesions") -> list[str]:
    return ["train", system, "--labels", str(labels), "--out", str(out), *more]


def test_it_writes_weights_record_plot_and_card(labels: Path, tmp_path: Path) -> None:
    assert main(command(labels, tmp_path / "out", "--seed", "5")) == 0

    out = tmp_path / "out"
    written = {path.name for path in out.iterdir()}
    assert written == {
        "lesions.safetensors", "metrics.jsonl", "plot.png", "card.md", "checkpoint", "cache",
    }  # fmt: skip
    header = load_weights(out / "lesions.safetensors", LesionUNet(), "lesions")
    label_set = json.loads((labels / "manifest.json").read_text())["label_set"]
    assert header["data_hash"] == label_set
    assert header["config"]["infection_threshold"] == 0.4
    assert (header["schedule"], header["seed"], header["steps"], header["phantoms"]) == ("small", 5, 3, 3)
    assert 0 <= header["metrics"]["infected_dice"] <= 1
    card = (out / "card.md").read_text()
    for words in (
        "Not a medical device", "Trained on phantoms only; no accuracy on patients is claimed", label_set,
        "seed 5", "3 steps", "| infected_dice |",
    ):  # fmt: skip
        assert words in card
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert {"step", "loss", "lr", "seconds", "cross_entropy"} <= set(lines[-2])
    assert "lung_dice" in lines[-1]["validation"]
    assert Image.open(out / "plot.png").size[0] > 500


def test_a_stopped_run_goes_on_to_the_same_weights(
    labels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = ["--cache", str(tmp_path / "cache")]
    assert main(command(labels, tmp_path / "whole", *cache)) == 0
    with monkeypatch.context() as patch:
        original = lesion_training.LesionTask.validate

        def stop(*given: object) -> object:
            raise Interrupted(15, 2)

        patch.setattr(lesion_training.LesionTask, "validate", stop)
        with pytest.raises(SystemExit) as stopped:
            main(command(labels, tmp_path / "cut", *cache))
        assert original is not stop
    assert stopped.value.code == 143
    assert "--resume goes on" in capsys.readouterr().err

    assert main(command(labels, tmp_path / "cut", "--resume", *cache)) == 0

    whole, cut = (tmp_path / name / "lesions.safetensors" for name in ("whole", "cut"))
    assert weights_only(whole) == weights_only(cut)
    assert read_header(whole)["version"] == read_header(cut)["version"]

    start = ["--start", str(whole)]
    assert main(command(labels, tmp_path / "other", *start, *cache)) == 0
    versions = [read_header(path)["version"] for path in (whole, tmp_path / "other/lesions.safetensors")]
    schedules = [version.rpartition("-")[0] for version in versions]
    assert schedules[0] == schedules[1]
    assert versions[0] != versions[1]


def weights_only(path: Path) -> list[bytes]:
    network = LesionUNet()
    load_weights(path, network, "lesions")
    return [value.numpy().tobytes() for value in network.state_dict().values()]


def test_readings_of_one_s_own_fine_tune_given_weights(labels: Path, tmp_path: Path) -> None:
    assert main(command(labels, tmp_path / "first")) == 0
    write_folder(tmp_path / "readings", truth=False)
    weights = tmp_path / "first/lesions.safetensors"

    assert main(command(tmp_path / "readings", tmp_path / "second", "--start", str(weights))) == 0

    card = (tmp_path / "second/card.md").read_text()
    assert f"Fine-tuned from lesions.safetensors {read_header(weights)['version']}" in card
    assert "phantoms only" in card


def test_what_started_from_weights_of_unknown_origin_is_not_called_phantoms_only(
    labels: Path, tmp_path: Path
) -> None:
    weights = tmp_path / "given.safetensors"
    save_weights(weights, LesionUNet(), {"system": "lesions", "version": "theirs"})

    assert main(command(labels, tmp_path / "tuned", "--start", str(weights))) == 0

    assert "phantoms only" not in (tmp_path / "tuned/card.md").read_text()


@pytest.mark.parametrize(
    ("more", "status", "words"),
    [
        ({"system": "density"}, 2, "density can not be trained"),
        ({"more": ["--network", "vgg"]}, 2, "lesions has no network vgg"),
        ({"more": ["--resume"]}, 3, "no checkpoint to resume"),
        ({"more": ["--start", "missing.safetensors"]}, 2, "missing.safetensors does not exist"),
        ({"labels": "nowhere"}, 3, "manifest.json is missing"),
    ],
)
def test_what_can_not_be_done_is_said_in_one_sentence(
    labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: dict[str, object], status: int,
    words: str,
) -> None:  # fmt: skip
    folder = tmp_path / str(more["labels"]) if "labels" in more else labels
    extra = [str(word) for word in more.get("more", [])]  # type: ignore[attr-defined]
    system = str(more.get("system", "lesions"))

    assert main(command(folder, tmp_path / "out", *extra, system=system)) == status

    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_a_folder_in_use_and_changed_labels_are_refused(
    labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(labels, tmp_path / "out")) == 0
    assert main(command(labels, tmp_path / "out")) == 2
    assert "is not empty" in capsys.readouterr().err
    write_folder(tmp_path / "others", slices=18)

    assert main(command(tmp_path / "others", tmp_path / "out", "--resume")) == 3
    assert "labels have changed" in capsys.readouterr().err
