"""Count what a network has and does: layers, shapes, parameters, multiply-accumulates.

Multiply-accumulates (MAC) are those of convolutions and linear layers, plus two operations per element for
batch and instance norm; activations, pooling and interpolation count nothing. It is the convention that
reproduces the published "FLOPs" of DeCoVNet (Wang et al., TMI 2020, Table VII) exactly.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_NORMS = (nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm)
_OPERATIONS_PER_NORMED = 2


@dataclass(frozen=True, slots=True)
class Subject:
    """A network that can be described: how to build it and the shape of its input, batch first.

    ``norms`` False counts convolutions and linear layers alone: in use norms are folded into them.
    """

    build: Callable[[], nn.Module]
    input_shape: tuple[int, ...]
    title: str
    norms: bool = True


@dataclass(frozen=True, slots=True)
class Layer:
    """One call of one layer; a layer that is called again shows its parameters the first time only."""

    name: str
    type: str
    output_shape: tuple[int, ...]
    parameters: int
    macs: int


@dataclass(frozen=True, slots=True)
class Description:
    """A network, layer by layer in the order of computing. ``macs`` are for one input of ``input_shape``."""

    title: str
    input_shape: tuple[int, ...]
    parameters: int
    macs: int
    layers: Sequence[Layer]
    networks: Mapping[str, Description] = field(default_factory=dict)
    """The other networks of the same system, by name."""

    def as_json(self) -> dict[str, Any]:
        """Return the description as JSON values."""
        return {
            "title": self.title,
            "input_shape": list(self.input_shape),
            "parameters": self.parameters,
            "macs": self.macs,
            "layers": [
                {**asdict(layer), "output_shape": list(layer.output_shape)} for layer in self.layers
            ],
            "networks": {name: other.as_json() for name, other in self.networks.items()},
        }  # fmt: skip


def described(subject: Subject) -> Description:
    """Build the network without memory for its weights, and follow one input's shape through it."""
    with torch.device("meta"):
        network = subject.build().eval()
        given = torch.empty(subject.input_shape)
    layers = observed(network, given, norms=subject.norms)
    return Description(
        title=subject.title,
        input_shape=subject.input_shape,
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        macs=sum(layer.macs for layer in layers),
        layers=layers,
    )


def observed(network: nn.Module, given: Tensor, *, norms: bool = True) -> list[Layer]:
    """Return the layers of one forward pass: what has no parts, and what has weights beside its parts.

    The hooks it sets are gone afterwards, whatever happens. Without ``norms`` their operations count nothing.
    """
    layers: list[Layer] = []
    seen: set[nn.Module] = set()

    def note(name: str, module: nn.Module, output: Tensor) -> None:
        own = sum(parameter.numel() for parameter in module.parameters(recurse=False))
        layers.append(
            Layer(
                name=name,
                type=type(module).__name__,
                output_shape=tuple(output.shape),
                parameters=0 if module in seen else own,
                macs=0 if isinstance(module, _NORMS) and not norms else macs_of(module, output),
            )
        )
        seen.add(module)

    hooks = [
        module.register_forward_hook(lambda module, _given, output, name=name: note(name, module, output))
        for name, module in network.named_modules()
        if not list(module.children()) or list(module.parameters(recurse=False))
    ]
    try:
        with torch.no_grad():
            network(given)
    finally:
        for hook in hooks:
            hook.remove()
    return layers


def macs_of(layer: nn.Module, output: Tensor) -> int:
    """Return the multiply-accumulates of one call of a layer that gave ``output``."""
    if isinstance(layer, _CONVOLUTIONS):
        return output.numel() * (layer.in_channels // layer.groups) * math.prod(layer.kernel_size)
    if isinstance(layer, _TRANSPOSED):
        each = output.numel() * (layer.in_channels // layer.groups) * math.prod(layer.kernel_size)
        return each // math.prod(layer.stride)
    if isinstance(layer, nn.Linear):
        return output.numel() * layer.in_features
    if isinstance(layer, _NORMS):
        return _OPERATIONS_PER_NORMED * output.numel()
    return 0
