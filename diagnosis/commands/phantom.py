"""``python -m diagnosis phantom``: synthetic chest CT with voxel truth, one as DICOM or many as labels."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diagnosis.commands.analyse import BadUsage
from diagnosis.geometry import RefusedInput

if TYPE_CHECKING:
    from diagnosis.phantom.disease import Kind
    from diagnosis.phantom.phantom import PhantomRequest

KINDS: Sequence[Kind] = ("np", "cap", "covid")
MAX_SEED = 2**31 - 1
MOST_PHANTOMS = 100_000
SIDE_RANGE = (16, 1024)
"""Of a phantom, in voxels: below, nothing can be seen; above, memory ends."""
LATEST_DAY = 60.0
_STEP = 10


def add_parser(commands: Any) -> None:
    """Add ``phantom`` to the subcommands of an argument parser."""
    parser = commands.add_parser(
        "phantom", help="make a synthetic chest CT with its truth, or a label folder of many"
    )
    parser.add_argument("--seed", required=True, type=int, metavar="N", help="the first seed of several")
    parser.add_argument("--class", dest="kind", metavar="CLASS", help=", ".join(KINDS))
    parser.add_argument("--severity", type=float, metavar="X", help="0 to 1; drawn from the seed when absent")
    parser.add_argument("--day", type=float, metavar="D", help=f"of the illness, 0 to {LATEST_DAY:g}")
    parser.add_argument("--scanner", metavar="NAME", help="drawn from the seed when absent")
    parser.add_argument("--size", metavar="Z,Y,X", help="voxels; 64,256,256 when absent")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for one phantom: dicom/ and truth/")
    parser.add_argument("--count", type=int, metavar="N", help="how many phantoms, with --labels")
    parser.add_argument("--labels", type=Path, metavar="DIR", help="new label folder to train on")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Make one phantom, or many. Raises BadUsage."""
    _require_consistent(arguments)
    requests = _requests(arguments)
    if arguments.labels:
        _write_labels(requests, arguments.labels)
    else:
        _write_one(requests[0], arguments.out)


def _require_consistent(arguments: argparse.Namespace) -> None:
    if (arguments.out is None) == (arguments.labels is None):
        raise BadUsage("Give --out DIR for one phantom, or --count N --labels DIR for a label folder.")
    if (arguments.labels is None) != (arguments.count is None):
        raise BadUsage("--count N and --labels DIR belong together.")
    if arguments.out and arguments.kind is None:
        raise BadUsage(f"Say which class to make: --class {', '.join(KINDS[:-1])} or {KINDS[-1]}.")
    if arguments.kind is not None and arguments.kind not in KINDS:
        raise BadUsage(f"There is no class {arguments.kind}. Choose one of {', '.join(KINDS)}.")
    _require_between("--severity", arguments.severity, 0.0, 1.0)
    _require_between("--day", arguments.day, 0.0, LATEST_DAY)
    _require_between("--count", arguments.count, 1, MOST_PHANTOMS)
    _require_between("--seed", arguments.seed, 0, MAX_SEED - (arguments.count or 1) + 1)


def _require_between(option: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:
        raise BadUsage(f"{option} takes a number from {low:.12g} to {high:.12g}, not {value:.12g}.")


def _size(text: str) -> tuple[int, int, int]:
    sides = text.split(",")
    if len(sides) != 3 or not all(side.isascii() and side.isdigit() for side in sides):
        raise BadUsage(f"--size takes three numbers Z,Y,X such as 64,256,256, not {text}.")
    for side in sides:
        _require_between("Each side of --size", int(side), *SIDE_RANGE)
    z, y, x = map(int, sides)
    return z, y, x


def _requests(arguments: argparse.Namespace) -> list[PhantomRequest]:
    """One request per seed. Without a class, seeds take the classes in turn, for ever the same."""
    from diagnosis.phantom.phantom import USUAL_SHAPE, PhantomRequest  # torch takes seconds to load
    from diagnosis.phantom.scanners import scanner_named

    if arguments.scanner is not None:
        try:
            scanner_named(arguments.scanner)
        except RefusedInput as error:
            raise BadUsage(error.sentence) from error
    shape = _size(arguments.size) if arguments.size is not None else USUAL_SHAPE
    seeds = range(arguments.seed, arguments.seed + (arguments.count or 1))
    return [
        PhantomRequest(
            seed=seed, kind=arguments.kind or KINDS[seed % len(KINDS)], severity=arguments.severity,
            day=arguments.day, scanner=arguments.scanner, shape=shape,
        )
        for seed in seeds
    ]  # fmt: skip


def _write_one(request: PhantomRequest, out: Path) -> None:
    from diagnosis.phantom.dicom_export import write_dicom
    from diagnosis.phantom.export import write_truth
    from diagnosis.phantom.phantom import make_phantom

    _make_empty(out)
    phantom = make_phantom(request, _device())
    try:
        write_dicom(phantom, out / "dicom")
        write_truth(phantom, out)
    except OSError as error:
        raise BadUsage(f"The folder {out} can not be written: {error.strerror or error}.") from error


def _write_labels(requests: Sequence[PhantomRequest], folder: Path) -> None:
    from diagnosis.phantom.export import write_labels_folder

    _make_empty(folder)
    try:
        write_labels_folder(requests, folder, _show, _device())
    except OSError as error:
        raise BadUsage(f"The folder {folder} can not be written: {error.strerror or error}.") from error


def _make_empty(folder: Path) -> None:
    """Before the phantom is made, so that nobody waits for a sentence."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadUsage(f"{folder} is not an empty folder. Choose a new one.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadUsage(f"The folder {folder} can not be made: {error.strerror or error}.") from error


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _show(done: int, total: int) -> None:
    """One line that is written over on a terminal, every tenth phantom elsewhere."""
    terminal = sys.stderr.isatty()
    if terminal or done % _STEP == 0 or done == total:
        start, end = ("\r", "\n" if done == total else "") if terminal else ("", "\n")
        sys.stderr.write(f"{start}{done} of {total} phantoms{end}")
        sys.stderr.flush()
