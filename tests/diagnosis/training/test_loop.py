"""The loop: the same to the bit after a resume, stopped by signals, never continued by another run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from diagnosis.geometry import RefusedInput
from diagnosis.training.loop import Interrupted, Trained, learning_rate, train
from diagnosis.training.record import read_record
from diagnosis.training.task import Batch
from tests.diagnosis.training.toy import SETTINGS, ToyTask

IDENTITY = {"system": "toy", "label_set": "a", "seed": 0}
ROOT = Path(__file__).parents[3]


class StoppedTask(ToyTask):
    """Sends a signal to this process while the batch of one step is computed."""

    def __init__(self, at: int, number: int = signal.SIGTERM) -> None:
        self.calls, self.at, self.number = 0, at, number

    def losses(self, network: torch.nn.Module, batch: Batch) -> dict[str, torch.Tensor]:
        self.calls += 1
        if self.calls == self.at:
            os.kill(os.getpid(), self.number)
        return dict(super().losses(network, batch))


def same(one: Trained, other: Trained) -> bool:
    a, b = one.network.state_dict(), other.network.state_dict()
    return all(torch.equal(a[name], b[name]) for name in a)


def lines(folder: Path) -> list[dict[str, object]]:
    return [
        {key: value for key, value in line.items() if key != "seconds"}
        for line in read_record(folder / "metrics.jsonl")
    ]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_and_resumed_run_ends_with_the_same_bits(tmp_path: Path, number: int) -> None:
    whole = train(ToyTask(), tmp_path / "whole", SETTINGS, IDENTITY)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Interrupted) as stopped:
        train(StoppedTask(12, number), tmp_path / "cut", SETTINGS, IDENTITY)
    assert stopped.value.step == 12
    assert stopped.value.signal_number == number
    assert signal.getsignal(signal.SIGTERM) is before

    resumed = train(ToyTask(), tmp_path / "cut", SETTINGS, IDENTITY, resume=True)

    assert same(whole, resumed)
    assert resumed.metrics == whole.metrics
    assert [line for line in lines(tmp_path / "cut") if "validation" in line] == [
        line for line in lines(tmp_path / "whole") if "validation" in line
    ]


def test_a_killed_run_repeats_only_the_steps_after_its_checkpoint(tmp_path: Path) -> None:
    class Killed(ToyTask):
        def validate(self, network: torch.nn.Module) -> dict[str, float]:
            raise KeyboardInterrupt

    whole = train(ToyTask(), tmp_path / "whole", SETTINGS, IDENTITY)
    with pytest.raises(KeyboardInterrupt):
        train(Killed(), tmp_path / "killed", SETTINGS, IDENTITY)

    resumed = train(ToyTask(), tmp_path / "killed", SETTINGS, IDENTITY, resume=True)

    assert same(whole, resumed)
    assert [path.name for path in (tmp_path / "killed/checkpoint").glob("step-*")] == ["step-0000030"]
    steps = [line["step"] for line in lines(tmp_path / "killed")]
    assert steps == sorted(steps)


def test_it_learns_and_keeps_the_best_weights(tmp_path: Path) -> None:
    settings = replace(SETTINGS, steps=120)
    trained = train(ToyTask(), tmp_path, settings, IDENTITY)
    record = lines(tmp_path)

    best = max(line["validation"]["accuracy"] for line in record if "validation" in line)  # type: ignore[index]
    assert trained.metrics["accuracy"] == best > 0.9
    assert ToyTask().validate(trained.network) == trained.metrics
    losses = [line["loss"] for line in record if "loss" in line]
    assert losses[-1] < losses[0]  # type: ignore[operator]


def test_it_stops_early_when_patience_ends(tmp_path: Path) -> None:
    class Flat(ToyTask):
        def __init__(self) -> None:
            self.value = 1.0

        def validate(self, network: torch.nn.Module) -> dict[str, float]:
            self.value -= 0.1
            return {"accuracy": self.value}

    trained = train(Flat(), tmp_path, replace(SETTINGS, patience=1), IDENTITY)

    assert trained.steps == 20
    assert trained.best_step == 10


@pytest.mark.parametrize(
    ("identity", "words"),
    [
        ({**IDENTITY, "label_set": "b"}, "labels have changed"),
        ({**IDENTITY, "seed": 1}, "seed differs"),
    ],
)
def test_another_run_does_not_continue_a_checkpoint(
    tmp_path: Path, identity: dict[str, object], words: str
) -> None:
    train(ToyTask(), tmp_path, replace(SETTINGS, steps=2), IDENTITY)

    with pytest.raises(RefusedInput, match=words) as refused:
        train(ToyTask(), tmp_path, replace(SETTINGS, steps=2), identity, resume=True)
    assert refused.value.code == "other_run"


def test_a_missing_or_damaged_checkpoint_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(RefusedInput, match="no checkpoint"):
        train(ToyTask(), tmp_path, SETTINGS, IDENTITY, resume=True)
    train(ToyTask(), tmp_path, replace(SETTINGS, steps=2), IDENTITY)
    optimiser = tmp_path / "checkpoint/step-0000002/optimiser.safetensors"
    optimiser.write_bytes(optimiser.read_bytes()[:50])

    with pytest.raises(RefusedInput, match="damaged"):
        train(ToyTask(), tmp_path, replace(SETTINGS, steps=2), IDENTITY, resume=True)


def test_the_learning_rate_warms_up_and_falls_to_zero() -> None:
    rates = [learning_rate(SETTINGS, step) for step in range(1, 31)]

    assert rates[0] == pytest.approx(SETTINGS.learning_rate / 3)
    assert max(rates) == rates[2] == SETTINGS.learning_rate
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert rates[-1] == pytest.approx(0)
    assert learning_rate(replace(SETTINGS, cosine=False), 30) == SETTINGS.learning_rate


def test_two_processes_under_torchrun_end_with_the_same_weights(tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
        "-m", "tests.diagnosis.training.two_processes", str(tmp_path),
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True,
        timeout=110, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr[-3000:]
    first = load_file(tmp_path / "process-0.safetensors")
    second = load_file(tmp_path / "process-1.safetensors")
    parameters = [name for name in first if "running" not in name]
    assert all(torch.equal(first[name], second[name]) for name in parameters)
    alone = train(ToyTask(), tmp_path / "alone", SETTINGS, {"system": "toy"})
    assert not all(torch.equal(first[name], alone.network.state_dict()[name]) for name in parameters)
    assert [line["step"] for line in lines(tmp_path) if "validation" in line] == [10, 20, 30]
