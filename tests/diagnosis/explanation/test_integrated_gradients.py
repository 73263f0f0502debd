"""Integrated gradients: the corrected path, completeness, the sum written out, memory of one step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn

from diagnosis.explanation.integrated_gradients import Scores, integrated_gradients


def network() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 2, 3), nn.Softplus(),
        nn.AdaptiveMaxPool2d(1), nn.Flatten(),
    ).double()  # fmt: skip


def scores_of(net: nn.Module) -> Scores:
    def scores(images: Tensor) -> Sequence[Tensor]:
        both = net(images)
        return both[:, 0], both[:, 1] - both[:, 0].square()

    return scores


def written_out(score: Callable[[Tensor], Tensor], given: Tensor, start: Tensor, steps: int) -> Tensor:
    """Equation (3) with the path from x' to x, one gradient after the other."""
    total = torch.zeros_like(given)
    for number in range(1, steps + 1):
        point = (start + number / steps * (given - start)).requires_grad_()
        score(point).sum().backward()
        assert point.grad is not None
        total += point.grad / steps
    return (given - start) * total


@pytest.mark.parametrize("at_once", [1, 4, 25])
def test_it_is_the_right_riemann_sum_for_each_score(at_once: int) -> None:
    given, start = torch.rand(2, 1, 12, 10, dtype=torch.float64), torch.rand(2, 1, 12, 10).double()
    net = network()
    for baseline in (None, start):
        found = integrated_gradients(scores_of(net), given, baseline=baseline, at_once=at_once)
        for place, result in enumerate(found):
            expected = written_out(
                lambda images, place=place: scores_of(net)(images)[place],
                given, torch.zeros_like(given) if baseline is None else start, 25,
            )  # fmt: skip
            torch.testing.assert_close(result, expected, rtol=1e-7, atol=1e-11)


def test_it_is_what_captum_computes() -> None:
    captum = pytest.importorskip("captum.attr", reason="captum comes with the extra bench")
    given = torch.rand(2, 1, 12, 10, dtype=torch.float64)
    net = network()
    for place, result in enumerate(integrated_gradients(scores_of(net), given)):
        peer = captum.IntegratedGradients(lambda images, place=place: scores_of(net)(images)[place])
        expected = peer.attribute(given, n_steps=25, method="riemann_right")
        torch.testing.assert_close(result, expected, rtol=1e-7, atol=1e-11)


def test_results_add_up_to_the_change_of_the_score() -> None:
    given = torch.rand(3, 1, 12, 10, dtype=torch.float64)
    scores = scores_of(network())
    found = integrated_gradients(scores, given, steps=400)
    for result, end, start in zip(found, scores(given), scores(torch.zeros_like(given)), strict=True):
        torch.testing.assert_close(result.sum(dim=(1, 2, 3)), end - start, rtol=0.01, atol=1e-3)


def test_the_path_ends_at_the_image_and_not_at_its_double() -> None:
    """Of x^2 the sum is x^2 (m + 1) / m; along the printed path it would be close to 3 x^2."""
    given = torch.tensor([[0.5, -2.0]])
    (found,) = integrated_gradients(lambda x: [x.square().sum(dim=1)], given, steps=25)
    torch.testing.assert_close(found, given.square() * 26 / 25)


def test_no_more_steps_are_computed_together_than_asked_for() -> None:
    sizes: list[int] = []

    def scores(images: Tensor) -> Sequence[Tensor]:
        sizes.append(len(images))
        return [images.sum(dim=1)]

    integrated_gradients(scores, torch.ones(2, 3), steps=7, at_once=3)
    assert sizes == [6, 6, 2]


def test_gradients_need_steps_and_leave_no_trace() -> None:
    net = network().requires_grad_(False)
    given = torch.rand(1, 1, 12, 10, dtype=torch.float64)
    with torch.no_grad():
        (found, _) = integrated_gradients(scores_of(net), given, steps=2)
    assert not found.requires_grad
    assert not given.requires_grad
    assert all(parameter.grad is None for parameter in net.parameters())
    with pytest.raises(ValueError, match="at least one step"):
        integrated_gradients(scores_of(net), given, steps=0)
