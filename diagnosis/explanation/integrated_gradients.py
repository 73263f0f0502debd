"""Integrated gradients (Sundararajan et al., 2017) of any scalar score of any network.

Computed along the path a few steps at a time: memory is that of these, whatever the number of steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

STEPS = 25
"""Hu et al., 2020: 20 to 30 steps are enough, so they take 25."""

Scores = Callable[[Tensor], Sequence[Tensor]]
"""Inputs ``[n, ...]`` to one or more scores ``[n]`` of theirs."""


def integrated_gradients(
    scores: Scores, given: Tensor, *, steps: int = STEPS, baseline: Tensor | None = None, at_once: int = 1
) -> list[Tensor]:
    """Return, for each score, how much every value of ``given`` ``[n, ...]`` adds to it or takes from it.

    The gradients are summed at the ``steps`` points x' + k / steps (x - x'), k = 1 ... steps (right Riemann),
    and multiplied by (x - x') / steps; x' is ``baseline``, zeros without one. So each result adds up, but for
    the error of the sum, to score(x) - score(x'). All scores share the forward pass of a step; ``at_once``
    steps are computed as one batch.

    Hu et al. (2020), equations (2) and (3), print x + k / m (x - x') inside the score: with x' = 0 a path
    from x to 2x, on which the sum says nothing of score(x) - score(x'). The path of Sundararajan et al. is
    taken. Raises ValueError for less than one step.
    """
    if steps < 1 or at_once < 1:
        raise ValueError(f"integrated gradients need at least one step at a time, not {at_once} of {steps}")
    start = torch.zeros_like(given) if baseline is None else baseline.to(given)
    way = given.detach() - start
    total: list[Tensor] = []
    with torch.enable_grad():
        for first in range(1, steps + 1, at_once):
            parts = torch.arange(first, min(first + at_once, steps + 1)) / steps
            points = start + torch.stack([way * float(part) for part in parts])
            summed = _summed_gradients(scores, points)
            total = [a + b for a, b in zip(total, summed, strict=True)] if total else summed
    return [way * gradient / steps for gradient in total]


def _summed_gradients(scores: Scores, points: Tensor) -> list[Tensor]:
    """For each score its gradients at points ``[k, n, ...]``, summed over k."""
    batch = points.flatten(0, 1).requires_grad_()
    found = scores(batch)
    last = len(found) - 1
    return [
        torch.autograd.grad(score.sum(), batch, retain_graph=place < last)[0].view_as(points).sum(dim=0)
        for place, score in enumerate(found)
    ]
