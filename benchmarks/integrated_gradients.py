"""Integrated gradients beside captum's: processor time and memory for the same result.

    python -m benchmarks.integrated_gradients [--height Y --width X] [--steps 25,50] [--rounds N] [--seed N]

The multi-scale classifier, untrained (weights do not change the time), and one slice of random pixels; the
scores of one class at Conv3, Conv4 and Conv5, each explained by itself, as the joint saliency needs them.
"ours" computes one step at a time and shares its forward pass between the scores. captum is asked once per
score, which stops at the block that it needs: all steps as one batch, as it does by default, and one step at
a time; both by its method riemann_right, the published sum. Every row is computed in a process of its own:
memory is what the process grew by at its peak. The best of the rounds counts.

captum comes with the extra ``bench``: ``pip install -c constraints.txt .[bench]``. Without it only our rows
are shown.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

import torch
from torch import Tensor

from diagnosis.explanation.integrated_gradients import STEPS, integrated_gradients
from diagnosis.inference import fold_batch_norm
from diagnosis.systems.multiscale.network import MultiscaleNetwork
from diagnosis.systems.multiscale.preprocessing import PAPER_SIZE

ROUNDS = 3
OURS, AT_ONCE, ONE_BY_ONE = "ours", "captum, all steps at once", "captum, one step at a time"
_CLASS = 0


@dataclass(frozen=True, slots=True)
class Job:
    """What one process computes."""

    way: str
    steps: int
    sides: tuple[int, int]
    rounds: int
    seed: int


@dataclass(frozen=True, slots=True)
class Measured:
    """Processor seconds, megabytes above what the process held before, and the three results."""

    seconds: float
    megabytes: float
    found: list[Tensor]


def main() -> None:
    """Print one row for each way and number of steps, and how far captum's results are from ours."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--height", type=int, default=PAPER_SIZE.height)
    parser.add_argument("--width", type=int, default=PAPER_SIZE.width)
    parser.add_argument("--steps", default=str(STEPS), metavar="N,N")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    ways = [OURS] + ([AT_ONCE, ONE_BY_ONE] if find_spec("captum") else [])
    sides = (chosen.height, chosen.width)
    print(f"{sides[0]} x {sides[1]} pixels, {torch.get_num_threads()} threads")
    print(f"{'way':28} {'steps':>5} {'seconds':>8} {'of ours':>8} {'MB':>7} {'deviation':>10}")
    for steps in map(int, chosen.steps.split(",")):
        ours: Measured | None = None
        for way in ways:
            measured = in_own_process(Job(way, steps, sides, chosen.rounds, chosen.seed))
            ours = ours or measured
            print(
                f"{way:28} {steps:5} {measured.seconds:8.2f} {measured.seconds / ours.seconds:8.2f} "
                f"{measured.megabytes:7.0f} {deviation(measured.found, ours.found):10.1e}"
            )


def in_own_process(job: Job) -> Measured:
    """Return what a fresh process measures."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, (job,))


def measure(job: Job) -> Measured:
    """Return the best of the rounds; the peak is that of all of them."""
    torch.manual_seed(job.seed)
    network = MultiscaleNetwork().eval().requires_grad_(False)
    fold_batch_norm(network)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    image = torch.rand(1, 1, *job.sides)
    explain = _WAYS[job.way]
    explain(network, image, 2)
    before = _peak_mb()
    best, found = float("inf"), []
    for _ in range(job.rounds):
        started = time.process_time()
        found = explain(network, image, job.steps)
        best = min(best, time.process_time() - started)
    return Measured(best, _peak_mb() - before, found)


def deviation(found: list[Tensor], ours: list[Tensor]) -> float:
    """Return the largest difference of two results, as part of the largest value of each score."""
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(found, ours, strict=True))


def _ours(network: MultiscaleNetwork, image: Tensor, steps: int) -> list[Tensor]:
    def scores(images: Tensor) -> list[Tensor]:
        return [values[:, _CLASS].amax(dim=(1, 2)) for values in network.maps(images).values()]

    return integrated_gradients(scores, image, steps=steps)


def _captum(network: MultiscaleNetwork, image: Tensor, steps: int, together: int | None) -> list[Tensor]:
    from captum.attr import IntegratedGradients

    return [
        IntegratedGradients(lambda images, level=level: network.scores(images, [level])[:, _CLASS]).attribute(
            image, n_steps=steps, method="riemann_right", internal_batch_size=together
        )
        for level in network.levels
    ]


def _captum_at_once(network: MultiscaleNetwork, image: Tensor, steps: int) -> list[Tensor]:
    return _captum(network, image, steps, None)


def _captum_one_by_one(network: MultiscaleNetwork, image: Tensor, steps: int) -> list[Tensor]:
    return _captum(network, image, steps, 1)


_WAYS: dict[str, Callable[[MultiscaleNetwork, Tensor, int], list[Tensor]]] = {
    OURS: _ours,
    AT_ONCE: _captum_at_once,
    ONE_BY_ONE: _captum_one_by_one,
}


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
