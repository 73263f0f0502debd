"""Seconds per stage and peak memory of one phantom, for 64 x 256 x 256 and 120 x 512 x 512 voxels.

    python -m benchmarks.phantom [--sizes Z,Y,X ...] [--seed N]

Each size runs in a process of its own, so that peak memory is that size's. The best of two phantoms counts:
the first one warms up the libraries. "scanner" is what imaging takes by itself, "DICOM" and "labels" what
writing takes.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch

from diagnosis.labels import write_label_folder
from diagnosis.phantom.acquisition import acquire
from diagnosis.phantom.dicom_export import write_dicom
from diagnosis.phantom.export import label_of
from diagnosis.phantom.grid import Grid
from diagnosis.phantom.phantom import Phantom, PhantomRequest, make_phantom
from diagnosis.phantom.randomness import Randomness

SIZES = ["64,256,256", "120,512,512"]
ROUNDS = 2
Result = TypeVar("Result")


def main() -> None:
    """Print one row per size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", nargs="+", default=SIZES, metavar="Z,Y,X")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(_measured(chosen.one, chosen.seed)))
        return
    for size in chosen.sizes:
        command = [sys.executable, "-m", "benchmarks.phantom", "--one", size, "--seed", str(chosen.seed)]
        result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        stages = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in result["seconds"].items())
        print(f"{size}: {stages}, peak memory {result['peak_memory_mb']:.0f} MB")


def _measured(size: str, seed: int) -> dict[str, object]:
    z, y, x = map(int, size.split(","))
    request = PhantomRequest(seed, "covid", scanner="aster-lung", shape=(z, y, x))
    seconds, phantom = _best(lambda: make_phantom(request))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    stages = {"whole phantom": seconds, "scanner": _scanner(phantom)}
    with tempfile.TemporaryDirectory() as name:
        stages["DICOM"] = _seconds(lambda: write_dicom(phantom, Path(name) / "dicom"))
        stages["labels"] = _seconds(lambda: write_label_folder(Path(name) / "labels", [label_of(phantom)]))
    return {"seconds": stages, "peak_memory_mb": peak}


def _scanner(phantom: Phantom) -> float:
    """Image the acquired phantom once more: the work does not depend on the values."""
    shape, spacing = phantom.volume.shape, phantom.volume.spacing_mm
    first = tuple(-(size - 1) / 2 * step for size, step in zip(shape, spacing, strict=True))
    grid = Grid(shape, spacing, (first[0], first[1], first[2]), torch.device("cpu"))
    hu = torch.from_numpy(phantom.volume.hu).float().clamp_(min=-1000.0)
    scanner = phantom.truth.scanner
    return _best(lambda: acquire(hu, grid, scanner, hu > -300, Randomness(1)))[0]


def _best(work: Callable[[], Result]) -> tuple[float, Result]:
    rounds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        result = work()
        rounds.append(time.perf_counter() - start)
    return min(rounds), result


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
