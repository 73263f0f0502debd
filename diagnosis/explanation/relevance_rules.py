"""How layers hand relevance back: the rules of the composite of Berenguer et al., 2020.

A contribution is an input times its weight. Biases have none, so every rule here but `Proportional` with
``bias`` kept hands on all of the relevance it gets, except at outputs that no input contributes to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.grad import conv1d_input, conv2d_input, conv3d_input

_STABILISER = 0.01
"""Units in the last place of 1: 1e-9 in single precision."""
_ROUNDING = 256
"""Parts below this many units in the last place of their layer's sums are rounding, not contributions."""
_CONVOLUTIONS: Mapping[type[nn.Module], tuple[Callable[..., Tensor], Callable[..., Tensor]]] = {
    nn.Conv1d: (functional.conv1d, conv1d_input),
    nn.Conv2d: (functional.conv2d, conv2d_input),
    nn.Conv3d: (functional.conv3d, conv3d_input),
}

Given = tuple[Tensor, ...]


@dataclass(frozen=True, slots=True)
class Proportional:
    """LRP-0 (equation 8): each input gets its contribution's share of the output.

    ``shared``: of the sum of contributions, as printed. That sum can be far smaller than the output it stands
    for, and shares then grow without limit. ``kept``: of the output, so the bias keeps its share; on a chain
    of such layers this is gradient times input.
    """

    bias: Literal["kept", "shared"] = "kept"

    def __call__(self, layer: nn.Module, given: Given, output: Tensor, relevance: Tensor) -> Given:
        """Return the relevance of the input."""
        (values,) = given
        total = output if self.bias == "kept" else _contributed(layer, output)
        return (values * _back(layer, values, _weight(layer), relevance / stabilised(total)),)


@dataclass(frozen=True, slots=True)
class AlphaBeta:
    """Positive contributions by themselves, alpha times, and negative ones, 1 - alpha times (equation 9).

    An output without negative contributions hands everything to the positive ones and the other way round,
    so that nothing is lost. The two sums are half of what the absolute contributions and all contributions
    add up to and differ by: three convolutions instead of the eight of inputs and weights split by sign.
    """

    alpha: float = 2.0

    def __call__(self, layer: nn.Module, given: Given, output: Tensor, relevance: Tensor) -> Given:
        """Return the relevance of the input."""
        (values,) = given
        weight, sizes = _weight(layer), values.abs()
        total, size = _contributed(layer, output), _forth(layer, sizes, _weight(layer).abs())
        least = size * (_ROUNDING * torch.finfo(size.dtype).eps)
        twice_positive, twice_negative = size + total, size - total
        has_positive, has_negative = twice_positive > least, twice_negative > least
        alpha = torch.where(has_negative, self.alpha, 1.0) * has_positive
        beta = torch.where(has_positive, 1 - self.alpha, 1.0) * has_negative
        for_positive = relevance * alpha / stabilised(twice_positive)
        for_negative = relevance * beta / stabilised(twice_negative)
        signed = _back(layer, values, weight, for_positive - for_negative)
        unsigned = _back(layer, values, weight.abs(), for_positive + for_negative)
        return (values * signed + sizes * unsigned,)


@dataclass(frozen=True, slots=True)
class Bounded:
    """z^B for inputs between two bounds (Montavon et al., 2017): what they have beyond the least they could.

    Even an input of zero gets relevance where the weight speaks against it.
    """

    low: float = 0.0
    high: float = 1.0

    def __call__(self, layer: nn.Module, given: Given, output: Tensor, relevance: Tensor) -> Given:
        """Return the relevance of the input."""
        (values,) = given
        weight = _weight(layer)
        least = weight.clamp(min=0) * self.low + weight.clamp(max=0) * self.high
        beyond = _contributed(layer, output) - _forth(layer, torch.ones_like(values[:1]), least)
        share = relevance / stabilised(beyond)
        own, bound = _back_by_both(layer, values, weight, least, share)
        return (values * own - bound,)


@dataclass(frozen=True, slots=True)
class Product:
    """A product of several inputs. Gradient times input gives each the whole (``share`` 1), as published; of
    two factors, 0.5 keeps the sum."""

    share: float = 0.5

    def __call__(self, layer: nn.Module, given: Given, output: Tensor, relevance: Tensor) -> Given:
        """Return the relevance of each input."""
        return tuple(relevance * self.share for _ in given)


def passed(layer: nn.Module, given: Given, output: Tensor, relevance: Tensor) -> Given:
    """Hand relevance through an activation as it is."""
    return (relevance,)


def stabilised(divisor: Tensor) -> Tensor:
    """Return the divisor, moved away from zero by less than what rounding does to a value of 1."""
    away = _STABILISER * torch.finfo(divisor.dtype).eps
    return divisor + torch.where(divisor < 0, -away, away)


def _weight(layer: nn.Module) -> Tensor:
    return torch.as_tensor(layer.weight).detach()


def _contributed(layer: nn.Module, output: Tensor) -> Tensor:
    """The output without its bias: the sum of all contributions."""
    if layer.bias is None:
        return output
    bias = torch.as_tensor(layer.bias).detach()
    return output - (bias if isinstance(layer, nn.Linear) else bias.reshape(-1, *[1] * (output.ndim - 2)))


def _forth(layer: nn.Module, values: Tensor, weight: Tensor) -> Tensor:
    """What the layer would give with these weights and no bias."""
    if isinstance(layer, nn.Linear):
        return functional.linear(values, weight)
    forth, _ = _CONVOLUTIONS[type(layer)]
    return forth(values, weight, None, *_geometry(layer))


def _back(layer: nn.Module, values: Tensor, weight: Tensor, relevance: Tensor) -> Tensor:
    """Values at the output, brought to the inputs by the transposed weights."""
    if isinstance(layer, nn.Linear):
        return relevance @ weight
    _, back = _CONVOLUTIONS[type(layer)]
    return back(values.shape, weight, relevance, *_geometry(layer))


def _back_by_both(
    layer: nn.Module, values: Tensor, one: Tensor, other: Tensor, relevance: Tensor
) -> tuple[Tensor, Tensor]:
    """`_back` by two weights at once: for an image's few channels two passes take twice as long as one."""
    if isinstance(layer, nn.Linear):
        return relevance @ one, relevance @ other
    groups = int(layer.groups)  # type: ignore[arg-type]
    wide = torch.cat([values, values], dim=1)
    found = _back(layer, wide, torch.cat([one, other], dim=1), relevance)
    found = found.reshape(len(values), groups, 2, -1, *values.shape[2:])
    return found[:, :, 0].flatten(1, 2), found[:, :, 1].flatten(1, 2)


def _geometry(layer: nn.Module) -> tuple[Any, ...]:
    if layer.padding_mode != "zeros" or isinstance(layer.padding, str):
        raise ValueError(f"relevance needs padding by a number of zeros, not {layer}")
    return layer.stride, layer.padding, layer.dilation, layer.groups
