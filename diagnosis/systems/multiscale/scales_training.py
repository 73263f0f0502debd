"""Training of the classifiers at single scales (Hu et al., 2020), with which the joint one begins.

The paper trains them one by one and does not say how the joint one takes over. Here they share one network
and are trained together, each by a loss of its own: it is then the joint one's beginning as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from diagnosis.systems.multiscale.losses import focal_loss
from diagnosis.systems.multiscale.network import sum_of_maxima
from diagnosis.systems.multiscale.spec import Level
from diagnosis.systems.multiscale.training import PAPER, MultiscaleTask
from diagnosis.systems.multiscale.training import SMALL as SMALL_JOINT
from diagnosis.training.labelled import LabelledStudies

SMALL = replace(
    SMALL_JOINT,
    settings=replace(SMALL_JOINT.settings, steps=900, learning_rate=1e-3, warm_up=50, validate_every=300),
    voxels=1.0,
)


class ScalesTask(MultiscaleTask):
    """Trains `MultiscaleNetwork` so that every level is a classifier by itself."""

    weights_name = "multiscale-scales"
    network_name = "multi-scale classifier, its levels each by itself (Hu et al., 2020)"

    def focal(self, maps: Mapping[Level, Tensor], target: Tensor, weights: Tensor) -> Tensor:
        """Return the mean of the losses of the levels."""
        parts = [focal_loss(sum_of_maxima({level: one}), target, weights) for level, one in maps.items()]
        return torch.stack(parts).mean()

    def calibrated(self, network: nn.Module) -> Mapping[str, Any]:
        """Return nothing: these weights are a beginning."""
        return {}


def task(studies: LabelledStudies, cache: Path, schedule: str) -> ScalesTask:
    """Return what ``train multiscale --network scales`` trains.

    Raises RefusedInput as MultiscaleTask does.
    """
    return ScalesTask(studies, cache, SMALL if schedule == "small" else PAPER)
