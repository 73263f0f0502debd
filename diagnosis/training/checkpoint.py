"""Checkpoints: safetensors for tensors, JSON for the rest, never pickle; written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from diagnosis.geometry import RefusedInput

CHECKPOINT = "checkpoint"
"""Folder of a run that holds its checkpoint."""
_STATE = "state.json"
_NETWORK, _BEST, _OPTIMISER = "network.safetensors", "best.safetensors", "optimiser.safetensors"


@dataclass(slots=True)
class Progress:
    """Where a run stands after ``step`` steps. Random numbers follow from ``seed`` and step alone.

    ``identity`` says what is trained on what (system, schedule, label set, seed): a checkpoint is only
    continued by the same run. ``best`` are the metrics of the best validation so far.
    """

    identity: Mapping[str, Any]
    step: int = 0
    seconds: float = 0.0
    best: dict[str, float] = field(default_factory=dict)
    best_step: int = 0
    validations_without_gain: int = 0


def save_checkpoint(
    folder: Path, network: nn.Module, best: Mapping[str, Tensor], optimiser: torch.optim.Optimizer,
    progress: Progress,
) -> None:  # fmt: skip
    """Write a new subfolder, then let ``state.json`` point to it, then remove older ones."""
    name = f"step-{progress.step:07d}"
    new = folder / name
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    _save(new / _NETWORK, network.state_dict())
    _save(new / _BEST, best)
    _save(new / _OPTIMISER, _optimiser_tensors(optimiser))
    state = folder / f"{_STATE}.part"
    state.write_text(json.dumps({"folder": name, **asdict(progress)}, indent=1) + "\n", "utf-8")
    state.replace(folder / _STATE)
    for old in folder.glob("step-*"):
        if old.name != name:
            shutil.rmtree(old)


def has_checkpoint(out: Path) -> bool:
    """Say whether the run in ``out`` has come to a checkpoint."""
    return (out / CHECKPOINT / _STATE).is_file()


def load_checkpoint(
    folder: Path, identity: Mapping[str, Any], network: nn.Module, optimiser: torch.optim.Optimizer
) -> tuple[Progress, dict[str, Tensor]]:
    """Load network and optimiser in place; return the progress and the best weights so far.

    Raises RefusedInput: ``no_checkpoint`` when there is none, ``other_run`` when it belongs to other
    labels, another schedule, seed or start, ``bad_checkpoint`` when it is damaged.
    """
    try:
        state = json.loads((folder / _STATE).read_text("utf-8"))
    except FileNotFoundError as error:
        raise RefusedInput(
            "no_checkpoint", "There is no checkpoint to resume in this folder. Start without --resume."
        ) from error
    except ValueError as error:
        raise _damaged() from error
    try:
        part = folder / state.pop("folder")
        progress = Progress(**state)
    except (KeyError, TypeError) as error:
        raise _damaged() from error
    _same_run(progress.identity, identity)
    try:
        network.load_state_dict(load_file(part / _NETWORK))
        _load_optimiser(optimiser, load_file(part / _OPTIMISER))
        return progress, load_file(part / _BEST)
    except (OSError, SafetensorError, RuntimeError, ValueError, KeyError) as error:
        raise _damaged() from error


def copied(network: nn.Module) -> dict[str, Tensor]:
    """Return a copy of a network's weights on the CPU."""
    return {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}


def _same_run(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    new = json.loads(json.dumps(new))
    if old == new:
        return
    if old.get("label_set") != new.get("label_set"):
        raise RefusedInput(
            "other_run", "The labels have changed since this checkpoint. Train into a new folder."
        )
    changed = ", ".join(sorted(key for key in {*old, *new} if old.get(key) != new.get(key)))
    raise RefusedInput(
        "other_run", f"This checkpoint belongs to another run ({changed} differs). Train into a new folder."
    )


def digest_of(module: nn.Module) -> str:
    """Return what tells these weights from others, in the names of what was computed with them."""
    digest = hashlib.sha256()
    for value in module.state_dict().values():
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def _optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    return {
        f"{index}.{name}": value
        for index, state in optimiser.state_dict()["state"].items()
        for name, value in state.items()
    }


def _load_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def _save(path: Path, tensors: Mapping[str, Tensor]) -> None:
    save_file({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, path)


def _damaged() -> RefusedInput:
    return RefusedInput("bad_checkpoint", "This checkpoint is damaged. Train into a new folder.")
