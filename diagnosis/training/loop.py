"""The training loop: resumable to the bit on one CPU, in one process or several.

Every random number of a step follows from (seed, step, process), so a checkpoint needs no generator state
and the next batches can be made in the background while the network works on this one.
"""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from diagnosis.inference import fast_dtype
from diagnosis.side_threads import in_order, side_threads
from diagnosis.training.augmentation import Draws
from diagnosis.training.checkpoint import CHECKPOINT, Progress, copied, load_checkpoint, save_checkpoint
from diagnosis.training.distributed import any_of, from_first, rank, shared
from diagnosis.training.record import Record
from diagnosis.training.task import Batch, Settings, Task

BATCHES_AHEAD = 2
"""Prepared in the background: more would only take memory."""
RECORD_EVERY = 20
"""Steps over which the recorded loss is averaged."""
_SEED_STREAM = 7919
"""Sets torch's own draws (dropout) of a step apart from those of its batch."""


class Interrupted(Exception):
    """Training stopped at a signal; the checkpoint stands and ``--resume`` goes on from it."""

    def __init__(self, signal_number: int, step: int) -> None:
        super().__init__(f"stopped at step {step}; go on with --resume")
        self.signal_number = signal_number
        self.step = step


@dataclass(frozen=True, slots=True)
class Trained:
    """The outcome: the network with its best weights, the metrics of that validation, and what it took."""

    network: nn.Module
    metrics: Mapping[str, float]
    best_step: int
    steps: int
    seconds: float
    bfloat16: bool


def train(
    task: Task, out: Path, settings: Settings, identity: Mapping[str, Any],
    *, resume: bool = False, start: Mapping[str, Tensor] | None = None,
    progress_line: Callable[[str], None] = lambda line: None,
) -> Trained:  # fmt: skip
    """Train until the schedule ends or patience does, and return the best network.

    Writes ``out/metrics.jsonl`` and ``out/checkpoint/``. ``identity`` names the run; ``start`` are weights to
    begin with. On SIGTERM or SIGINT the step in hand ends, a checkpoint is written and Interrupted raised.
    Raises RefusedInput as load_checkpoint does when ``resume`` is set.
    """
    out.mkdir(parents=True, exist_ok=True)
    run = _Run(task, out, settings, identity, start, resume)
    with _signals() as received, side_threads(1) as pool:
        left = range(run.progress.step + 1, settings.steps + 1)
        for step, batch in in_order(pool, run.prepare, left, BATCHES_AHEAD):
            run.one_step(step, batch)
            stop = any_of(bool(received), run.device)
            if step % settings.validate_every == 0 or step == settings.steps:
                progress_line(run.validate())
            if stop or step % settings.checkpoint_every == 0 or step == settings.steps:
                run.save()
            if stop:
                raise Interrupted(received[0] if received else signal.SIGTERM, step)
            if run.out_of_patience:
                run.save()
                break
    return run.outcome()


class _Run:
    """The state of one run between its steps."""

    def __init__(
        self, task: Task, out: Path, settings: Settings, identity: Mapping[str, Any],
        start: Mapping[str, Tensor] | None, resume: bool,
    ) -> None:  # fmt: skip
        self.task, self.settings, self.out = task, settings, out
        self.device = torch.device(settings.device)
        torch.manual_seed(settings.seed)
        self.network = task.network().to(self.device)
        if start is not None:
            self.network.load_state_dict(start)
        if settings.channels_last:
            self.network = self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimiser = _optimiser(self.network, settings)
        self.progress = Progress(identity)
        self.best = copied(self.network)
        if resume:
            self.progress, self.best = load_checkpoint(
                out / CHECKPOINT, identity, self.network, self.optimiser
            )
        self.model = shared(self.network)
        self.writes = rank() == 0
        self.record = Record(out / "metrics.jsonl", self.progress.step) if self.writes else None
        self.sums: dict[str, Tensor] = {}
        self.summed = 0
        self.bfloat16 = settings.bfloat16 and fast_dtype(self.device) == torch.bfloat16
        self.clock = time.monotonic()
        if not resume:
            self.save()

    @property
    def out_of_patience(self) -> bool:
        patience = self.settings.patience
        return patience > 0 and self.progress.validations_without_gain >= patience

    def prepare(self, step: int) -> Batch:
        """Make the batch of a step; runs in the background."""
        draws = Draws(np.random.default_rng([self.settings.seed, step, rank()]), self.device)
        batch = self.task.batch(draws)
        if not self.settings.channels_last:
            return batch
        return {
            name: value.contiguous(memory_format=torch.channels_last) if _is_image(value) else value
            for name, value in batch.items()
        }

    def one_step(self, step: int, batch: Batch) -> None:
        torch.manual_seed(self.settings.seed + _SEED_STREAM * step)
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.settings, step)
        self.model.train()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            parts = self.task.losses(self.model, batch)
        total = torch.stack(list(parts.values())).sum()
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(total)
        nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip_norm)
        self.optimiser.step()
        self.progress.step = step
        self._note({"loss": total, **parts})

    def validate(self) -> str:
        """Validate in the first process, keep the best weights, and say how it went."""
        metrics: dict[str, float] = {}
        headline = 0.0
        if self.writes:
            self.network.eval()
            with torch.no_grad(), torch.autocast(
                self.device.type, torch.bfloat16, enabled=self.bfloat16
            ):  # fmt: skip
                metrics = {name: float(value) for name, value in self.task.validate(self.network).items()}
            headline = metrics[self.task.headline]
        headline = from_first(headline, self.device)
        progress = self.progress
        if not progress.best or headline >= progress.best[self.task.headline]:
            progress.best = metrics or {self.task.headline: headline}
            progress.best_step, progress.validations_without_gain = progress.step, 0
            self.best = copied(self.network)
        else:
            progress.validations_without_gain += 1
        self._tick()
        if self.record:
            self.record.add(progress.step, {"validation": metrics, "seconds": round(progress.seconds, 1)})
        shown = "  ".join(f"{name} {value:.4g}" for name, value in metrics.items())
        return f"step {progress.step}/{self.settings.steps}  {progress.seconds / 60:.1f} min  {shown}"

    def save(self) -> None:
        self._tick()
        if self.writes:
            save_checkpoint(self.out / CHECKPOINT, self.network, self.best, self.optimiser, self.progress)

    def outcome(self) -> Trained:
        progress = self.progress
        self.network.load_state_dict(self.best)
        self.network.eval()
        return Trained(
            self.network, progress.best, progress.best_step, progress.step, progress.seconds, self.bfloat16
        )

    def _note(self, parts: Mapping[str, Tensor]) -> None:
        for name, value in parts.items():
            self.sums[name] = value.detach().float() + self.sums.get(name, 0.0)
        self.summed += 1
        step = self.progress.step
        if step % RECORD_EVERY and step != self.settings.steps:
            return
        self._tick()
        losses = {name: round(float(value) / self.summed, 6) for name, value in self.sums.items()}
        self.sums, self.summed = {}, 0
        if self.record:
            rate = learning_rate(self.settings, step)
            self.record.add(step, {**losses, "lr": rate, "seconds": round(self.progress.seconds, 1)})

    def _tick(self) -> None:
        now = time.monotonic()
        self.progress.seconds += now - self.clock
        self.clock = now


def learning_rate(settings: Settings, step: int) -> float:
    """Return the learning rate of a step, counted from 1: linear warm-up, then cosine to zero or constant."""
    if step <= settings.warm_up:
        return settings.learning_rate * step / settings.warm_up
    if not settings.cosine:
        return settings.learning_rate
    part = (step - settings.warm_up) / max(1, settings.steps - settings.warm_up)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * part))


def _optimiser(network: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    if settings.optimiser == "adam":
        return torch.optim.Adam(
            network.parameters(), settings.learning_rate, settings.betas, weight_decay=settings.l2
        )
    return torch.optim.AdamW(
        network.parameters(), settings.learning_rate, settings.betas, weight_decay=settings.weight_decay
    )


def _is_image(value: Tensor) -> bool:
    return value.ndim == 4 and value.is_floating_point()


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Collect SIGTERM and SIGINT instead of dying at once; the handlers before are put back."""
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
