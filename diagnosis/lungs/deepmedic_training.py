"""Training of the DeepMedic-type lung network (Kamnitsas et al., 2017; Berenguer et al., 2020)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from diagnosis.lungs.deepmedic import DeepMedic
from diagnosis.lungs.input import DEEPMEDIC_WINDOW_HU
from diagnosis.lungs.training import counted, overlap, with_truth
from diagnosis.preprocessing.resampling import factors_for
from diagnosis.training.augmentation import TRANSFER, Draws, augment
from diagnosis.training.labelled import LabelledStudies, LabelledVolume
from diagnosis.training.patches import Shape, any_place, place_with, read_block
from diagnosis.training.task import Batch, Settings

LARGEST_VOXEL_MM = 2.0
"""Voxels are pooled up to this along every axis, as they are in use."""
LUNG_SHARE = 0.5
"""Of blocks whose middle lies in a lung, as DeepMedic draws half of its segments from the foreground."""


@dataclass(frozen=True, slots=True)
class DeepMedicSchedule:
    """``block`` is what goes through the network, multiples of 9: the coarsest path sees ninths."""

    settings: Settings
    block: Shape
    batch: int
    validation_blocks: int = 24


PAPER = DeepMedicSchedule(
    Settings(
        steps=20_000, learning_rate=1e-3, weight_decay=1e-5, warm_up=200, validate_every=500,
        checkpoint_every=250, channels_last=False,
    ),
    block=(45, 90, 90),
    batch=4,
)  # fmt: skip
"""Block, length and rate are our interpretation: the configuration behind icovid is not published."""
SMALL = DeepMedicSchedule(
    Settings(
        steps=200, learning_rate=1e-3, weight_decay=1e-5, warm_up=20, validate_every=50, checkpoint_every=25,
        channels_last=False,
    ),
    block=(18, 54, 54),
    batch=2,
    validation_blocks=12,
)  # fmt: skip
"""Shows that the network trains; an hour on two cores is not enough for it."""


class DeepMedicTask:
    """Trains `DeepMedic` on blocks of volumes whose lungs are known."""

    system = "lungs"
    weights_name = "lungs-deepmedic"
    network_name = "DeepMedic-type network with three paths (Kamnitsas et al., 2017)"
    headline = "lung_dice"
    config: Mapping[str, Any] = {"network": "deepmedic"}

    def __init__(self, studies: LabelledStudies, schedule: DeepMedicSchedule) -> None:
        """Raises RefusedInput: no studies in a part, or no lungs among what they teach."""
        self.schedule, self.settings = schedule, schedule.settings
        self._train = with_truth(studies.part("train"), "lungs")
        validation = with_truth(studies.part("validation"), "lungs")
        randomness = np.random.default_rng(0)
        chosen = [validation[index % len(validation)] for index in range(schedule.validation_blocks)]
        self._validation = [(volume, _place(volume, randomness)) for volume in chosen]

    def network(self) -> nn.Module:
        """Return a new network."""
        return DeepMedic()

    def batch(self, draws: Draws) -> Batch:
        """Return ``image`` float32 ``[b, 1, z, y, x]`` 0..1 and ``target`` int64 ``[b, z, y, x]``."""
        chosen = draws.numpy.integers(len(self._train), size=self.schedule.batch)
        volumes = [self._train[index] for index in chosen]
        images, labels = self._read([(volume, _place(volume, draws.numpy)) for volume in volumes])
        images, labels = augment(images.to(draws.device), labels.to(draws.device), draws, TRANSFER)
        return {"image": _windowed(images)[:, None], "target": labels.long()}

    def losses(self, network: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Return the cross-entropy."""
        logits = network(batch["image"]).float()
        return {"cross_entropy": functional.cross_entropy(logits, batch["target"])}

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return Dice and mean intersection over union over fixed blocks."""
        device = next(network.parameters()).device
        table = np.zeros((2, 2))
        for block in self._validation:
            images, labels = self._read([block])
            found = network(_windowed(images.to(device))[:, None]).argmax(dim=1).cpu()
            table += counted(labels, found)
        return overlap(table)

    def _read(self, places: Sequence[tuple[LabelledVolume, Shape]]) -> tuple[Tensor, Tensor]:
        """Return HU float32 and lung labels uint8 (0, 1), both ``[b, z, y, x]``."""
        images, labels = [], []
        for volume, centre in places:
            factors = factors_for(volume.spacing_mm, LARGEST_VOXEL_MM)
            hu, (lungs,) = read_block(volume, centre, self.schedule.block, factors, ("lungs",))
            images.append(torch.from_numpy(hu))
            labels.append(torch.from_numpy((lungs > 0).astype(np.uint8)))
        return torch.stack(images), torch.stack(labels)


def task(studies: LabelledStudies, cache: Path, schedule: str) -> DeepMedicTask:
    """Return what ``train lungs --network deepmedic`` trains. Raises RefusedInput as DeepMedicTask does."""
    return DeepMedicTask(studies, SMALL if schedule == "small" else PAPER)


def _place(volume: LabelledVolume, randomness: np.random.Generator) -> Shape:
    if randomness.random() < LUNG_SHARE:
        return place_with(volume, "lungs", (1, 2), randomness)
    return any_place(volume, randomness)


def _windowed(images: Tensor) -> Tensor:
    low, high = DEEPMEDIC_WINDOW_HU
    return (images.clamp(low, high) - low) / (high - low)
