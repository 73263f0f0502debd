"""Schedules of another length, for trainings that a benchmark compares."""

from __future__ import annotations

from dataclasses import replace

from diagnosis.inference import device_of_choice
from diagnosis.training.task import Settings


def of_length(given: Settings, steps: int, seed: int) -> Settings:
    """Return the settings with another length and seed, on the fastest device, validated at its end at the
    latest and with a checkpoint there only."""
    return replace(
        given, steps=steps, seed=seed, warm_up=min(given.warm_up, steps // 10), checkpoint_every=steps,
        validate_every=min(given.validate_every, steps), device=str(device_of_choice()),
    )  # fmt: skip
