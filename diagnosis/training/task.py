"""What the loop asks of a thing to train, and how it is to be trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from torch import Tensor, nn

from diagnosis.training.augmentation import Draws

Batch = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Settings:
    """How the loop runs. Lengths are in steps, never in time, so that the same run gives the same weights.

    ``cosine`` lets the learning rate fall to zero after ``warm_up`` steps, otherwise it stays. ``patience``
    is the number of validations without improvement after which training stops early (0: never).
    ``betas`` are Adam's; ``l2`` is the penalty that "adam" adds to the gradient, ``weight_decay`` what
    "adamw" takes off the weights. ``clip_norm`` bounds the norm of the gradient. ``bfloat16`` (where the
    device computes in it itself) and ``channels_last`` are what makes 2-D networks quick on a CPU; 3-D ones
    are slower with channels_last.
    """

    steps: int
    learning_rate: float
    optimiser: Literal["adam", "adamw"] = "adamw"
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.01
    l2: float = 0.0
    cosine: bool = True
    warm_up: int = 0
    clip_norm: float = 1.0
    validate_every: int = 250
    checkpoint_every: int = 100
    patience: int = 0
    seed: int = 0
    bfloat16: bool = True
    channels_last: bool = True
    device: str = "cpu"


class Task(Protocol):
    """One thing to train: its network, its batches, its loss, its validation.

    ``weights_name`` names the file of its weights, ``network_name`` says in words what is trained,
    ``headline`` names the metric to be maximised, and ``config`` is what whoever uses the weights must know;
    it goes into their header.
    """

    system: str
    weights_name: str
    network_name: str
    headline: str
    settings: Settings
    config: Mapping[str, Any]

    def network(self) -> nn.Module:
        """Return a new network; its first weights follow from torch's seed."""
        ...

    def batch(self, draws: Draws) -> Batch:
        """Return the tensors of one step on the device of ``draws``, from these random numbers alone."""
        ...

    def losses(self, network: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Return the parts of the loss, already weighted: their sum is minimised."""
        ...

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return metrics of a network in evaluation mode over the validation part."""
        ...


@runtime_checkable
class CalibratedTask(Protocol):
    """A task whose weights carry numbers that were read from the validation part after training."""

    def calibrated(self, network: nn.Module) -> Mapping[str, Any]:
        """Return what joins ``config`` in the header: operating point, references of heatmaps."""
        ...


@runtime_checkable
class TransferringTask(Protocol):
    """A task that may begin with the weights of another network, of which its own has a part."""

    def transfer(self, network: nn.Module, start: Path) -> None:
        """Fill a new network with what these weights hold of it. Raises RefusedInput (``bad_weights``)."""
        ...


@runtime_checkable
class StartedTask(Protocol):
    """A task that prepares something with the weights it begins with."""

    def started(self, network: nn.Module, taught: bool) -> None:
        """Prepare with a network as training will begin; ``taught`` says that weights were given."""
        ...
