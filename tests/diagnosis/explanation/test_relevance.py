"""Layer-wise relevance propagation: against the rules as printed, sums kept, nothing left behind."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from diagnosis.explanation.relevance import Relevance, Rules
from diagnosis.explanation.relevance_rules import AlphaBeta, Bounded, Product, Proportional, passed

Layer = nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d
LINEAR: list[Layer] = [
    nn.Linear(16, 5),
    nn.Conv1d(3, 4, 3, padding=1),
    nn.Conv2d(4, 6, 3, stride=2, padding=(1, 0), dilation=(1, 2), groups=2),
    nn.Conv3d(2, 3, (1, 3, 3), padding=(0, 1, 1), bias=False),
]
SHAPES = [(3, 16), (2, 3, 7), (2, 4, 9, 8), (1, 2, 3, 6, 5)]
EVERY = pytest.mark.parametrize(("layer", "shape"), list(zip(LINEAR, SHAPES, strict=True)))
COMPOSITE: Rules = {
    "0": Bounded(0.0, 1.0), nn.Conv2d: AlphaBeta(2.0), nn.Linear: Proportional("shared"),
    nn.ReLU: passed, nn.LeakyReLU: passed,
}  # fmt: skip


@pytest.fixture(autouse=True)
def double_precision() -> None:
    torch.manual_seed(0)
    for layer in LINEAR:
        layer.double().eval().requires_grad_(False)
        for weight in layer.parameters():
            nn.init.normal_(weight)


def handed_back(layer: nn.Module, rule: object, given: Tensor, relevance: Tensor) -> Tensor:
    return Relevance(layer, {type(layer): rule})(given, lambda output: relevance)  # type: ignore[dict-item]


def contributed(values: Tensor, linear: Callable[[Tensor], Tensor], shares: Tensor) -> Tensor:
    """What each value contributes to the outputs of a linear map, times the share of each output."""
    leaf = values.clone().requires_grad_()
    (back,) = torch.autograd.grad(linear(leaf), leaf, shares)
    return values * back


def with_weight(layer: Layer, weight: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda given: torch.func.functional_call(
        layer, {"weight": weight, **({} if layer.bias is None else {"bias": torch.zeros_like(layer.bias)})},
        (given,),
    )  # fmt: skip


@EVERY
def test_positive_and_negative_contributions_are_shared_by_themselves(
    layer: Layer, shape: tuple[int, ...]
) -> None:
    """Against inputs and weights split by sign, as the rule is printed."""
    given = torch.randn(shape).double()
    relevance = torch.randn_like(layer(given))
    above, below = given.clamp(min=0), given.clamp(max=0)
    plus, minus = (with_weight(layer, part) for part in split(layer.weight))
    sums = [plus(above) + minus(below), plus(below) + minus(above)]
    both = (sums[0] > 0) & (sums[1] < 0)
    assert float(both.double().mean()) > 0.7
    relevance *= both  # the case without a part is tested by itself
    sums = [torch.where(both, total, 1.0) for total in sums]
    for_positive, for_negative = 2 * relevance / sums[0], -relevance / sums[1]
    printed = contributed(above, plus, for_positive) + contributed(below, minus, for_positive)
    printed += contributed(below, plus, for_negative) + contributed(above, minus, for_negative)
    found = handed_back(layer, AlphaBeta(2.0), given, relevance)
    assert torch.allclose(found, printed, rtol=1e-9, atol=1e-12)


def split(weight: Tensor) -> tuple[Tensor, Tensor]:
    return weight.clamp(min=0), weight.clamp(max=0)


@EVERY
def test_inputs_between_bounds_get_what_they_have_beyond_the_least(
    layer: Layer, shape: tuple[int, ...]
) -> None:
    low, high = -0.5, 2.0
    given = low + (high - low) * torch.rand(shape).double()
    relevance = torch.randn_like(layer(given))
    plus, minus = (with_weight(layer, part) for part in split(layer.weight))
    all_of_it = with_weight(layer, layer.weight)
    lows, highs = torch.full_like(given, low), torch.full_like(given, high)
    shares = relevance / (all_of_it(given) - plus(lows) - minus(highs))
    printed = contributed(given, all_of_it, shares)
    printed -= contributed(lows, plus, shares) + contributed(highs, minus, shares)
    found = handed_back(layer, Bounded(low, high), given, relevance)
    assert torch.allclose(found, printed, rtol=1e-9, atol=1e-12)
    assert float(found.sum()) == pytest.approx(float(relevance.sum()), rel=1e-9)


@EVERY
def test_shares_of_contributions_keep_the_sum_and_shares_of_the_output_are_gradient_times_input(
    layer: Layer, shape: tuple[int, ...]
) -> None:
    given = torch.randn(shape).double()
    output = layer(given)
    relevance = torch.randn_like(output)
    shared = handed_back(layer, Proportional("shared"), given, relevance)
    assert float(shared.sum()) == pytest.approx(float(relevance.sum()), rel=1e-9)
    contributions = with_weight(layer, layer.weight)
    assert torch.allclose(shared, contributed(given, contributions, relevance / contributions(given)))
    kept = handed_back(layer, Proportional("kept"), given, output)
    leaf = given.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(layer(leaf).sum(), leaf)
    assert torch.allclose(kept, gradient * given)


def test_an_output_without_negative_or_without_positive_contributions_loses_nothing() -> None:
    layer = nn.Linear(2, 3, bias=False).double().eval().requires_grad_(False)
    layer.weight.copy_(torch.tensor([[1.0, 3.0], [-1.0, -1.0], [2.0, -1.0]]))
    given = torch.tensor([[1.0, 1.0]]).double()
    for unit, expected in enumerate([(0.25, 0.75), (0.5, 0.5), (2.0, -1.0)]):
        relevance = torch.eye(3).double()[unit : unit + 1]
        assert handed_back(layer, AlphaBeta(), given, relevance)[0].tolist() == pytest.approx(expected)
    nothing = handed_back(layer, AlphaBeta(), torch.zeros(1, 2).double(), torch.ones(1, 3).double())
    assert nothing.tolist() == [[0.0, 0.0]]


def stack() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(2, 4, 5, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3, padding=1), nn.LeakyReLU(0.01, inplace=True), nn.AdaptiveMaxPool2d(3),
        nn.Flatten(), nn.Dropout(0.5), nn.Linear(54, 2),
    ).eval()  # fmt: skip


def test_the_output_comes_back_whole_through_a_stack() -> None:
    network = stack().double()
    given = torch.rand(3, 2, 12, 14).double()
    found = Relevance(network, COMPOSITE)(given, lambda output: output)
    expected = network(given).sum(dim=1)
    assert found.sum(dim=(1, 2, 3)).tolist() == pytest.approx(expected.tolist(), rel=1e-9)


def test_in_single_precision_too() -> None:
    network, given = stack(), torch.rand(1, 2, 24, 24)
    exact = Relevance(network.double(), COMPOSITE)(given.double(), lambda output: output)
    found = Relevance(network.float(), COMPOSITE)(given, lambda output: output)
    assert torch.allclose(found.double(), exact, atol=float(exact.abs().max()) * 1e-3)


def test_the_network_is_left_as_it_was() -> None:
    network, given = stack(), torch.rand(1, 2, 12, 12)
    before, weights = network(given), [weight.clone() for weight in network.parameters()]
    relevance = Relevance(network, COMPOSITE)
    first = relevance(given, lambda output: output)
    assert torch.equal(relevance(given, lambda output: output), first)
    assert torch.equal(network(given), before)
    assert not any(
        module._forward_hooks or module._forward_pre_hooks or module._backward_hooks
        for module in network.modules()
    )
    assert all(module.inplace for module in network.modules() if isinstance(module, nn.ReLU | nn.LeakyReLU))
    assert all(map(torch.equal, network.parameters(), weights))
    assert all(weight.grad is None for weight in network.parameters())
    with torch.no_grad():
        next(network.parameters()).zero_()
    assert not torch.equal(relevance(given, lambda output: output), first), "it follows training"


class _Gated(nn.Module):
    class Times(nn.Module):
        def forward(self, one: Tensor, other: Tensor) -> Tensor:
            return one * other

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other, self.gate = nn.Linear(3, 4), nn.Linear(2, 4), self.Times()

    def forward(self, given: Tensor) -> Tensor:
        return torch.as_tensor(self.gate(self.one(given[:, :3]), self.other(given[:, 3:])))


@pytest.mark.parametrize(("part", "sum_of_both"), [(0.5, 1.0), (1.0, 2.0)])
def test_factors_of_a_product_share_it_or_get_it_whole(part: float, sum_of_both: float) -> None:
    network = _Gated().double().eval()
    given = torch.randn(2, 5).double()
    output = network(given).detach()
    found = Relevance(network, {nn.Linear: Proportional("shared"), _Gated.Times: Product(part)})(
        given, lambda output: output
    )
    one, other = found[:, :3].sum(), found[:, 3:].sum()
    assert float(one) == pytest.approx(float(other))
    assert float(one + other) == pytest.approx(sum_of_both * float(output.sum()))


def test_what_has_no_rule_is_named() -> None:
    network = nn.Sequential(nn.Sequential(nn.Conv2d(1, 1, 3), nn.BatchNorm2d(1))).eval()
    with pytest.raises(ValueError, match=r"no rule for the layer 0\.1 \(BatchNorm2d\)"):
        Relevance(network, {nn.Conv2d: AlphaBeta()})
    with pytest.raises(ValueError, match="evaluation mode"):
        Relevance(stack().train(), COMPOSITE)
    same = nn.Conv2d(1, 1, 3, padding="same").eval()
    with pytest.raises(ValueError, match="number of zeros"):
        handed_back(same, AlphaBeta(), torch.rand(1, 1, 4, 4), torch.rand(1, 1, 4, 4))
