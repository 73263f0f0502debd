"""Layer-wise relevance propagation (Bach et al., 2015): an output, handed back layer by layer to the input.

Each layer hands the relevance of its output to its inputs by a rule; see `relevance_rules` for those of
linear maps, activations and products. Max pools need none: all goes to the largest value, as gradients do.
What only moves values (flattening, slicing, concatenation) may stand between layers; sums may not.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

Rule = Callable[[nn.Module, tuple[Tensor, ...], Tensor, Tensor], tuple[Tensor, ...]]
"""Layer, its inputs, its output and the relevance of that: the relevance of each input."""
Rules = Mapping[str | type[nn.Module], Rule]
"""A rule for the layer of a name, as `torch.nn.Module.named_modules` has it, or for layers of a type."""

_WINNER_TAKES_ALL = (
    nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d,
    nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d,
)  # fmt: skip
_UNCHANGED = (nn.Identity, nn.Flatten, nn.Unflatten, nn.Dropout, nn.Dropout2d, nn.Dropout3d)


class Relevance:
    """The relevance of a network's input, by rules for its layers.

    The network itself is left alone: the rules are set on a copy that shares its weights, so that it can be
    read, trained and saved meanwhile. Raises ValueError for a layer with neither a rule nor layers inside,
    and for a network in training mode.
    """

    def __init__(self, network: nn.Module, rules: Rules) -> None:
        if network.training:
            raise ValueError("relevance is that of a network in evaluation mode")
        shared = {id(tensor): tensor for tensor in chain(network.parameters(), network.buffers())}
        self._network = copy.deepcopy(network, dict(shared))
        for layer, rule in list(_ruled(self._network, rules)):
            if getattr(layer, "inplace", False):
                layer.inplace = False  # type: ignore[assignment]
            layer.register_forward_hook(partial(_handed_back_by, rule))

    def __call__(self, given: Tensor, start: Callable[[Tensor], Tensor]) -> Tensor:
        """Return the relevance of an input, of its shape.

        ``start`` returns the relevance of the output, given the output, of its shape.
        """
        with torch.enable_grad():
            leaf = given.detach().clone().requires_grad_()
            output = self._network(leaf)
            (found,) = torch.autograd.grad(output, leaf, start(output.detach()))
        return torch.as_tensor(found)


def _ruled(network: nn.Module, rules: Rules, name: str = "") -> Iterator[tuple[nn.Module, Rule]]:
    """The layers that have a rule; what lies inside a layer with a rule is its own affair."""
    rule = rules.get(name) or rules.get(type(network))
    if rule is not None:
        yield network, rule
        return
    children = list(network.named_children())
    if not children and not isinstance(network, (*_WINNER_TAKES_ALL, *_UNCHANGED)):
        raise ValueError(f"no rule for the layer {name} ({type(network).__name__})")
    for child, layer in children:
        yield from _ruled(layer, rules, f"{name}.{child}" if name else child)


def _handed_back_by(rule: Rule, layer: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> Tensor:
    return torch.as_tensor(_HandedBack.apply(rule, layer, output.detach(), *given))  # type: ignore[no-untyped-call]


class _HandedBack(torch.autograd.Function):
    """The output of a layer, whose gradient is relevance and goes to the inputs by a rule."""

    @staticmethod
    def forward(ctx: Any, rule: Rule, layer: nn.Module, output: Tensor, *given: Tensor) -> Tensor:
        ctx.rule, ctx.layer = rule, layer
        ctx.save_for_backward(output, *given)
        return output.view_as(output)

    @staticmethod
    def backward(ctx: Any, *relevance: Tensor) -> tuple[Tensor | None, ...]:
        output, *given = ctx.saved_tensors
        return None, None, None, *ctx.rule(ctx.layer, tuple(given), output, *relevance)
