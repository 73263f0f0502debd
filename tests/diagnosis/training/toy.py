"""A task small enough to run a hundred steps in a second: find the bright pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from diagnosis.training.augmentation import Draws
from diagnosis.training.task import Batch, Settings

SETTINGS = Settings(
    steps=30, learning_rate=0.02, warm_up=3, validate_every=10, checkpoint_every=7, bfloat16=False
)


class ToyTask:
    """Convolution, batch norm and dropout: whatever could differ after a resume is in it."""

    system = "toy"
    weights_name = "toy"
    network_name = "two convolutions"
    headline = "accuracy"
    settings = SETTINGS
    config: Mapping[str, Any] = {}

    def network(self) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.2), nn.Conv2d(4, 2, 1)
        )

    def batch(self, draws: Draws) -> Batch:
        image = draws.normal((4, 1, 12, 12))
        return {"image": image, "target": (image[:, 0] > 0.5).long()}

    def losses(self, network: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        return {"cross_entropy": functional.cross_entropy(network(batch["image"]).float(), batch["target"])}

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        image = torch.linspace(-2, 2, 144).reshape(1, 1, 12, 12)
        found = network(image).argmax(dim=1)
        return {"accuracy": float((found == (image[:, 0] > 0.5)).float().mean())}
