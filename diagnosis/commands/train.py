"""``python -m diagnosis train``: a label folder in, weights, their card and the record of the run out."""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from diagnosis.commands.analyse import BadUsage

TASKS: Mapping[str, Mapping[str, str]] = {
    "lungs": {"unet2d": "diagnosis.lungs.training", "deepmedic": "diagnosis.lungs.deepmedic_training"},
    "lobes": {"unet3d": "diagnosis.lungs.lobe_training"},
    "lesions": {"unet25d": "diagnosis.lesions.training", "unet3d": "diagnosis.lesions.paper_training"},
    "decovnet": {
        "decovnet": "diagnosis.systems.decovnet.training",
        "backbone": "diagnosis.systems.decovnet.backbone_training",
        "head": "diagnosis.systems.decovnet.head_training",
    },
    "icovid": {
        "icovid": "diagnosis.systems.icovid.training",
        "cvae": "diagnosis.systems.icovid.cvae_training",
        "head": "diagnosis.systems.icovid.head_training",
    },
    "patchwise": {
        "covid": "diagnosis.systems.patchwise.covid_training",
        "heads": "diagnosis.systems.patchwise.heads_training",
        "fine": "diagnosis.systems.patchwise.fine_training",
        "diseased": "diagnosis.systems.patchwise.training",
    },
    "multiscale": {
        "multiscale": "diagnosis.systems.multiscale.training",
        "scales": "diagnosis.systems.multiscale.scales_training",
    },
}
"""For each thing that can be trained its networks, the usual one first, and the module that trains it: its
function ``task(studies, cache, schedule)`` says how. A module that begins with weights of another network of
its system names that one in ``FIRST``: it is trained first unless --start gives such weights."""
USUAL_SMALL: Mapping[str, str] = {"decovnet": "head", "icovid": "head", "patchwise": "heads"}
"""The network that the small schedule trains when none is named, where it is not the first."""
SCHEDULES = ("small", "paper")
CACHE = "cache"
_HASH_DIGITS = 8


def add_parser(commands: Any) -> None:
    """Add ``train`` to the subcommands of an argument parser."""
    parser = commands.add_parser(
        "train", help="train a network on a label folder",
        description="Trains on the train part of a label folder, validates on its validation part and never "
        "opens its test part. Under torchrun several processes train together. SIGTERM and SIGINT end a run "
        "with a checkpoint from which --resume goes on.",
    )  # fmt: skip
    parser.add_argument("system", metavar="SYSTEM", help=", ".join(TASKS))
    parser.add_argument("--labels", required=True, type=Path, metavar="DIR", help="the label folder")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="an empty or missing folder")
    parser.add_argument(
        "--schedule", choices=SCHEDULES, default="small",
        help="small: at most an hour on two cores (default); paper: as published, for a GPU",
    )  # fmt: skip
    parser.add_argument(
        "--network", metavar="NAME",
        help="; ".join(f"{system}: {', '.join(names)}" for system, names in TASKS.items()),
    )  # fmt: skip
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    parser.add_argument("--seed", type=_natural, default=0, metavar="N")
    parser.add_argument("--steps", type=_natural, metavar="N", help="another length than the schedule's")
    parser.add_argument(
        "--start", type=Path, metavar="FILE",
        help="weights to begin with instead of random ones: fine-tuning on labels of your own",
    )  # fmt: skip
    parser.add_argument(
        "--cache", type=Path, metavar="DIR",
        help="folder for the decoded labels, shared between runs (default: OUT/cache)",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Train and write. Raises BadUsage, RefusedInput, and SystemExit (128 + signal) when interrupted."""
    module = _module(arguments.system, arguments.network, arguments.schedule)
    _require_room(arguments.out, resume=arguments.resume)
    from diagnosis.training.distributed import process_group
    from diagnosis.training.loop import Interrupted

    try:
        with process_group() as device:
            _train(arguments, module, str(device))
    except Interrupted as stop:
        sys.stderr.write(f"Stopped at step {stop.step}. The same command with --resume goes on from there.\n")
        raise SystemExit(128 + stop.signal_number) from stop


def _train(arguments: argparse.Namespace, module: str, device: str, *, is_first: bool = False) -> None:
    """Train one network and write it. ``is_first``: another one of the same command goes on from it."""
    from diagnosis.training.checkpoint import has_checkpoint
    from diagnosis.training.distributed import rank
    from diagnosis.training.labelled import open_labelled
    from diagnosis.training.loop import train

    out: Path = arguments.out
    cache = arguments.cache or out / CACHE
    trainer = import_module(module)
    goes_on = hasattr(trainer, "FIRST") and arguments.start is None
    if goes_on:
        arguments = _after(trainer.FIRST, arguments, cache, device)
    studies = open_labelled(arguments.labels, cache)
    task = trainer.task(studies, cache, arguments.schedule)
    settings = replace(task.settings, seed=arguments.seed, device=device)
    if arguments.steps is not None:
        settings = replace(settings, steps=arguments.steps)
    identity = {
        "network": task.weights_name, "schedule": arguments.schedule, "seed": arguments.seed,
        "steps": settings.steps, "label_set": studies.label_set, "start": _hash(arguments.start),
    }  # fmt: skip
    may_begin = is_first or goes_on  # a run of several networks may have ended before this one
    trained = train(
        task, out, settings, identity, resume=arguments.resume and (has_checkpoint(out) or not may_begin),
        start=_started(task, arguments.start, settings.seed), progress_line=_progress,
    )  # fmt: skip
    if rank() == 0:
        _write(arguments, studies, task, settings, trained)


def _after(first: str, arguments: argparse.Namespace, cache: Path, device: str) -> argparse.Namespace:
    """Train the network that comes first into a folder of its own, and begin with its weights."""
    import torch

    from diagnosis.training.distributed import any_of

    out = arguments.out / first
    changed = {"network": first, "out": out, "cache": cache}
    if not list(out.glob("*.safetensors")):
        module = _module(arguments.system, first, arguments.schedule)
        _progress(f"first the network {first}")
        _train(argparse.Namespace(**{**vars(arguments), **changed}), module, device, is_first=True)
        any_of(False, torch.device(device))  # until the first process has written the weights
    (start,) = out.glob("*.safetensors")
    return argparse.Namespace(**{**vars(arguments), "start": start})


def _write(arguments: argparse.Namespace, studies: Any, task: Any, settings: Any, trained: Any) -> None:
    """Write weights, card and plot: what the contract names."""
    from diagnosis.training.card import Facts, count_phantoms, header_of, model_card
    from diagnosis.training.checkpoint import digest_of
    from diagnosis.training.distributed import processes
    from diagnosis.training.plot import plot_record
    from diagnosis.training.record import read_record
    from diagnosis.training.task import CalibratedTask
    from diagnosis.weights import save_weights

    out: Path = arguments.out
    version = f"{arguments.schedule}-{trained.steps}-{studies.label_set[:_HASH_DIGITS]}-{settings.seed}"
    facts = Facts(
        system=arguments.system,
        network=task.network_name,
        parameters=sum(parameter.numel() for parameter in trained.network.parameters()),
        version=f"{version}-{digest_of(trained.network)[:_HASH_DIGITS]}",
        schedule=arguments.schedule,
        settings=settings,
        label_set=studies.label_set,
        train=len(studies.parts["train"]),
        validation=len(studies.parts["validation"]),
        phantoms=count_phantoms(studies),
        processes=processes(),
        steps=trained.steps,
        best_step=trained.best_step,
        minutes=trained.seconds / 60,
        bfloat16=trained.bfloat16,
        metrics=trained.metrics,
        started_from=_version(arguments.start),
        started_on_phantoms=_saw_phantoms_only(arguments.start),
    )
    weights = out / f"{task.weights_name}.safetensors"
    read = task.calibrated(trained.network) if isinstance(task, CalibratedTask) else {}
    save_weights(weights, trained.network, header_of(facts, {**task.config, **read}))
    (out / "card.md").write_text(model_card(facts), "utf-8")
    plot_record(read_record(out / "metrics.jsonl"), out / "plot.png", f"{facts.system} {facts.version}")
    _progress(f"wrote {weights}")


def _module(system: str, network: str | None, schedule: str) -> str:
    if system not in TASKS:
        raise BadUsage(f"{system} can not be trained. Choose one of {', '.join(TASKS)}.")
    networks = TASKS[system]
    usual = USUAL_SMALL.get(system) if schedule == "small" else None
    chosen = network or usual or next(iter(networks))
    if chosen not in networks:
        raise BadUsage(f"{system} has no network {chosen}. Choose one of {', '.join(networks)}.")
    return networks[chosen]


def _require_room(out: Path, *, resume: bool) -> None:
    if find_spec("matplotlib") is None:
        raise BadUsage("Training needs the extra train: pip install lungsight[train].")
    try:
        out.mkdir(parents=True, exist_ok=True)
        others = [path for path in out.iterdir() if path.name != CACHE]
    except OSError as error:
        raise BadUsage(f"The folder {out} can not be used: {error.strerror or error}.") from error
    if others and not resume:
        raise BadUsage(f"{out} is not empty. Choose another folder, or go on with --resume.")


def _started(task: Any, path: Path | None, seed: int) -> Mapping[str, Any] | None:
    """Return the weights to begin with, None for random ones, once the task has prepared what it needs.

    What the given weights lack follows from the seed.
    """
    import torch

    from diagnosis.training.task import StartedTask, TransferringTask
    from diagnosis.weights import load_weights

    torch.manual_seed(seed)
    network = task.network()
    if path is not None and isinstance(task, TransferringTask):
        task.transfer(network, path)
    elif path is not None:
        load_weights(path, network, task.system)
    if isinstance(task, StartedTask):
        task.started(network, taught=path is not None)
    return network.state_dict() if path is not None else None


def _version(path: Path | None) -> str:
    from diagnosis.weight_files import read_header

    return f"{path.name} {read_header(path)['version']}" if path else ""


def _saw_phantoms_only(path: Path | None) -> bool:
    from diagnosis.weight_files import read_header

    header = read_header(path) if path else {}
    return "phantoms" in header and header["phantoms"] == header.get("studies")


def _hash(path: Path | None) -> str:
    if path is None:
        return ""
    if not path.is_file():
        raise BadUsage(f"{path} does not exist.")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _progress(line: str) -> None:
    if os.environ.get("RANK", "0") == "0":
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def _natural(text: str) -> int:
    value = int(text)
    if value < 0:
        raise ValueError(text)
    return value
