"""Seconds per stage and peak memory of one analysis, for 150 and 300 slices of 512 x 512.

    python -m benchmarks.pipeline [--slices 150 300] [--series DIR]

Without ``--series`` the volume is a box chest; with it, a real series, its slices repeated or dropped to
the wanted number (their distance changed, so that the chest keeps its height). Each size runs in a process
of its own, so that peak memory is that size's.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from diagnosis.dicom.reader import read_folder
from diagnosis.pipeline import analyse
from diagnosis.systems.availability import runnable
from diagnosis.volume import CTVolume
from tests.phantoms import chest_phantom


def main() -> None:
    """Print one row per size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--slices", nargs="+", type=int, default=[150, 300])
    parser.add_argument("--series", type=Path)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(_measured(chosen.one, chosen.series)))
        return
    for slices in chosen.slices:
        command = [sys.executable, "-m", "benchmarks.pipeline", "--one", str(slices)]
        command += ["--series", str(chosen.series)] if chosen.series else []
        result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        stages = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in result["seconds"].items())
        total = sum(result["seconds"].values())
        print(f"{slices} slices: {total:.1f} s ({stages}), peak memory {result['peak_memory_mb']:.0f} MB")


def _measured(slices: int, series: Path | None) -> dict[str, object]:
    volume = _stretched(read_folder(series).volume, slices) if series else _box_chest(slices)
    found = analyse(volume, runnable(), {}, lambda stage, part: None)
    return {"seconds": dict(found.seconds), "peak_memory_mb": found.peak_memory_mb}


def _stretched(volume: CTVolume, slices: int) -> CTVolume:
    wanted = np.linspace(0, volume.shape[0] - 1, slices).round().astype(int)
    affine = volume.affine.copy()
    affine[:3, 2] *= volume.shape[0] / slices
    return CTVolume(volume.hu[wanted], affine)


def _box_chest(slices: int) -> CTVolume:
    return chest_phantom(slices=slices, size=512, rows=512).volume


if __name__ == "__main__":
    main()
