"""Seconds per stage of DeCoVNet for one scan, beside the published ones.

    python -m benchmarks.decovnet [--size Z,Y,X] [--series DIR] [--rounds N] [--seed N]

The scan is a phantom of 120 x 512 x 512 voxels, or a real series with ``--series``. "published" is the
network of the paper on its input of 224 x 336 pixels and all slices, untrained (weights do not change the
time); "shipped" the weights in use, where there are any, on the input they were trained on. Each is computed
by torch and, where it is installed, by OpenVINO. The best of the rounds counts: the first one loads networks
and libraries. On a graphics card work ends when its result is asked for, so there features and head are to
be read together.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

import torch

from diagnosis.describing import described
from diagnosis.dicom.reader import read_folder
from diagnosis.geometry import RefusedInput
from diagnosis.inference import device_of_choice, fast_dtype
from diagnosis.lungs.segmentation import segment_lungs
from diagnosis.phantom.phantom import PhantomRequest, make_phantom
from diagnosis.pipeline import chosen_options, load_system
from diagnosis.systems.decovnet.description import DECOVNET
from diagnosis.systems.decovnet.network import DeCoVNet
from diagnosis.systems.decovnet.preprocessing import PAPER_SIZE
from diagnosis.systems.decovnet.spec import SPEC, WEIGHTS
from diagnosis.systems.interface import Case
from diagnosis.volume import CTVolume
from diagnosis.weight_files import FOLDER_VARIABLE, shipped
from diagnosis.weights import save_weights

SIZE = "120,512,512"
ROUNDS = 3
PEER = "Wang et al., TMI 2020: 1.93 s on a Titan Xp (1.80 s lungs, 0.13 s DeCoVNet), 28.87 G"


def main() -> None:
    """Print one row for the lungs, one for each network and backend, and the published figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", default=SIZE, metavar="Z,Y,X")
    parser.add_argument("--series", type=Path)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seed", type=int, default=7)
    chosen = parser.parse_args()

    volume = read_folder(chosen.series).volume if chosen.series else _phantom(chosen.size, chosen.seed)
    device = device_of_choice()
    print(f"{' x '.join(map(str, volume.shape))} voxels, {device}, {fast_dtype(device)}, "
          f"{torch.get_num_threads()} threads")  # fmt: skip
    case = _with_lungs(volume, chosen.rounds)
    backends = ["torch"] + (["openvino"] if find_spec("openvino") else [])
    with tempfile.TemporaryDirectory() as folder:
        for backend in backends:
            with _weights_from(_published(Path(folder))):
                _report(f"published, {backend}", case, {"backend": backend}, chosen.rounds)
            if shipped(WEIGHTS) is not None:
                _report(f"shipped, {backend}", case, {"backend": backend}, chosen.rounds)
    print(f"{described(DECOVNET['released']).macs / 1e9:.2f} GMAC for 128 slices of 224 x 336")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    print(PEER)


def _phantom(size: str, seed: int) -> CTVolume:
    z, y, x = map(int, size.split(","))
    return make_phantom(PhantomRequest(seed, "covid", scanner="aster-lung", shape=(z, y, x))).volume


def _with_lungs(volume: CTVolume, rounds: int) -> Case:
    best = float("inf")
    for _ in range(max(1, rounds)):
        started = time.perf_counter()
        lungs = segment_lungs(volume)
        best = min(best, time.perf_counter() - started)
    print(f"lungs by {lungs.method}: {best:.2f} s")
    return Case(volume, lungs.labels)


def _report(name: str, case: Case, options: Mapping[str, str], rounds: int) -> None:
    system, settings = load_system(SPEC.name), chosen_options(SPEC.name, options)
    best: dict[str, float] = {}
    for _ in range(max(1, rounds)):
        try:
            result = system.run(case, settings, lambda part: None)
        except RefusedInput as refusal:
            print(f"{name}: {refusal.sentence}", file=sys.stderr)
            return
        best = {stage: min(seconds, best.get(stage, seconds)) for stage, seconds in result.seconds.items()}
    stages = ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in best.items() if stage != "weights")
    total = sum(seconds for stage, seconds in best.items() if stage != "weights")
    print(f"{name}: {total:.2f} s ({stages})")


def _published(folder: Path) -> Path:
    """Write untrained weights of the published network into a folder. Any operating point and scale do."""
    scale = {"reference": 1.0, "threshold": 1.0}
    config = {
        "head": "released", "input": asdict(PAPER_SIZE), "operating_point": 0.0,
        "heatmaps": {"cam": scale, "cam gradient": scale},
    }  # fmt: skip
    header = {"system": SPEC.name, "version": "untrained", "config": config}
    save_weights(folder / f"{WEIGHTS}.safetensors", DeCoVNet(), header)
    return folder


@contextmanager
def _weights_from(folder: Path) -> Iterator[None]:
    before = os.environ.get(FOLDER_VARIABLE)
    os.environ[FOLDER_VARIABLE] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ[FOLDER_VARIABLE]
        else:
            os.environ[FOLDER_VARIABLE] = before


if __name__ == "__main__":
    main()
