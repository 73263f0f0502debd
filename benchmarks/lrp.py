"""What layer-wise relevance costs, as a multiple of the forward pass it explains.

    python -m benchmarks.lrp [--sides 256,128] [--slices N] [--rounds N] [--seed N]

The classifier of Berenguer et al., untrained (weights do not change the time), and slices of random pixels,
one at a time on a CPU. "ours" is the composite that the system uses; "by sign" the same with the rule of the
convolutions as it is printed, inputs and weights split by sign into eight convolutions; both hand back the
same relevance, to the deviation shown. Processor time, the best of the rounds, forward pass of the
explanation included. The paper counts 27.65 G for its explanation and 3.55 G for its classifier: 7.8 times.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from diagnosis.explanation import relevance_rules
from diagnosis.explanation.relevance_rules import stabilised
from diagnosis.inference import device_of_choice
from diagnosis.systems.icovid import explanation
from diagnosis.systems.icovid.explanation import Explainer, slices_together
from diagnosis.systems.icovid.network import ICovid

ROUNDS = 3
SLICES = 10
PUBLISHED = 27.65 / 3.55


class _BySign:
    """Alpha 2, beta -1 as printed. For layers whose outputs all have both kinds of contributions."""

    def __init__(self, alpha: float) -> None:
        self._alpha = alpha

    def __call__(
        self, layer: nn.Conv2d, given: tuple[Tensor, ...], output: Tensor, relevance: Tensor
    ) -> tuple[Tensor, ...]:
        (values,) = given
        forth, back = relevance_rules._forth, relevance_rules._back
        above, below = values.clamp(min=0), values.clamp(max=0)
        plus, minus = layer.weight.clamp(min=0), layer.weight.clamp(max=0)
        handed = torch.zeros_like(values)
        for factor, pairs in (
            (self._alpha, ((above, plus), (below, minus))),
            (1 - self._alpha, ((below, plus), (above, minus))),
        ):
            total = sum(forth(layer, part, weight) for part, weight in pairs)
            share = factor * relevance / stabilised(torch.as_tensor(total))
            for part, weight in pairs:
                handed += part * back(layer, values, weight, share)
        return (handed,)


def main() -> None:
    """Print one row for each size of slices and each way."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sides", default="256,128")
    parser.add_argument("--slices", type=int, default=SLICES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seed", type=int, default=7)
    chosen = parser.parse_args()

    torch.manual_seed(chosen.seed)
    device = device_of_choice()
    network = ICovid().eval().requires_grad_(False).to(device)
    ours = Explainer(network)
    explanation.AlphaBeta = _BySign  # type: ignore[assignment,misc]
    by_sign = Explainer(network)
    print(f"{chosen.slices} slices, {device}, {torch.get_num_threads()} threads")
    for side in map(int, chosen.sides.split(",")):
        _report(network, {"ours": ours, "by sign": by_sign}, side, chosen.slices, chosen.rounds)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    print(f"Berenguer et al., 2020: {PUBLISHED:.1f} times the forward pass, counted")


def _report(network: ICovid, explainers: dict[str, Explainer], side: int, slices: int, rounds: int) -> None:
    image = torch.rand(slices, 2, side, side, device=next(network.parameters()).device)
    together = slices_together(image.device)

    def forward() -> Tensor:
        with torch.no_grad():
            return torch.cat([
                network.descriptors(image[at : at + together]) for at in range(0, slices, together)
            ])  # fmt: skip

    forward_seconds, descriptors = _best(forward, rounds)
    print(f"{side} x {side}: forward {forward_seconds:.2f} s")
    found: dict[str, Tensor] = {}
    for name, explainer in explainers.items():
        of_slices = explainer.of_slices(descriptors)
        seconds, found[name] = _best(
            lambda explainer=explainer, start=of_slices: explainer.of_pixels(image, descriptors, start),
            rounds,
        )
        print(
            f"    relevance {name}: {seconds:.2f} s, {seconds / forward_seconds:.1f} times the forward pass"
        )
    one, other = found.values()
    print(f"    they differ by {float((one - other).norm() / other.norm()):.1e} of the relevance")


def _best(work: Callable[[], Tensor], rounds: int) -> tuple[float, Tensor]:
    """The processor seconds of the best round (on a graphics card those of the clock), and what it gave."""
    seconds = []
    for _ in range(rounds):
        started = _clock()
        result = work()
        seconds.append(_clock() - started)
    return min(seconds), result


def _clock() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


if __name__ == "__main__":
    main()
