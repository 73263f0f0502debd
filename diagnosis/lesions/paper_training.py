"""Training of the 3-D lesion U-Net of Berenguer et al., 2020, with generalised Wasserstein Dice loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from diagnosis.lesions.losses import wasserstein_dice
from diagnosis.lesions.tally import INFECTION_THRESHOLD
from diagnosis.lesions.training import require_outlines, windowed
from diagnosis.lesions.unet3d import CLASSES, LesionUNet3d
from diagnosis.preprocessing.network_grid import pooled_pixels
from diagnosis.results import INFECTED_VALUES
from diagnosis.training.augmentation import TRANSFER, Draws, augment
from diagnosis.training.labelled import LabelledStudies, LabelledVolume
from diagnosis.training.patches import Shape, any_place, place_with, read_block
from diagnosis.training.task import Batch, Settings

LESION_SHARE = 2 / 3
"""Of blocks that are cut around an infected voxel; the others lie anywhere."""
_IGNORED = 255
_CERTAIN = 30.0
"""Logit that makes an ignored voxel certain background: it adds nothing to either sum of the loss."""


@dataclass(frozen=True, slots=True)
class BlockSchedule:
    """``block`` is what goes through the network, in voxels of the working grid."""

    settings: Settings
    block: Shape
    batch: int = 2
    validation_blocks: int = 32


PAPER = BlockSchedule(
    Settings(
        steps=20_000, learning_rate=1e-3, weight_decay=1e-5, warm_up=200, validate_every=500,
        checkpoint_every=250, channels_last=False,
    ),
    block=(64, 128, 128),
)  # fmt: skip
"""Block, length and rate are our interpretation: the paper gives the loss and the network only."""
SMALL = BlockSchedule(
    Settings(
        steps=200, learning_rate=1e-3, weight_decay=1e-5, warm_up=20, validate_every=50, checkpoint_every=25,
        channels_last=False,
    ),
    block=(32, 64, 64),
    validation_blocks=16,
)  # fmt: skip
"""Shows that the network trains; an hour on two cores is not enough for 13.3 M parameters."""


class BlockLesionTask:
    """Trains `LesionUNet3d` on blocks of volumes with outlined lesions."""

    system = "lesions"
    weights_name = "lesions-unet3d"
    network_name = "3-D U-Net of icovid (Berenguer et al., 2020), generalised Wasserstein Dice loss"
    headline = "infected_dice"
    config: Mapping[str, Any] = {
        "network": "unet3d", "classes": list(CLASSES), "infection_threshold": INFECTION_THRESHOLD,
    }  # fmt: skip

    def __init__(self, studies: LabelledStudies, schedule: BlockSchedule) -> None:
        """Raises RefusedInput: no studies in a part, or nothing to learn lesions from."""
        self.schedule, self.settings = schedule, schedule.settings
        self._train, validation = studies.part("train"), studies.part("validation")
        require_outlines(self._train)
        randomness = np.random.default_rng(0)
        chosen = [validation[index % len(validation)] for index in range(schedule.validation_blocks)]
        self._validation = [(volume, _place(volume, randomness)) for volume in chosen]
        self._loss = wasserstein_dice()

    def network(self) -> nn.Module:
        """Return a new network."""
        return LesionUNet3d()

    def batch(self, draws: Draws) -> Batch:
        """Return ``image`` float32 ``[b, 1, z, y, x]`` and ``target`` int64 ``[b, z, y, x]``."""
        chosen = draws.numpy.integers(len(self._train), size=self.schedule.batch)
        volumes = [self._train[index] for index in chosen]
        images, targets = self._read([(volume, _place(volume, draws.numpy)) for volume in volumes])
        images, targets = augment(images.to(draws.device), targets.to(draws.device), draws, TRANSFER)
        return {"image": windowed(images)[:, None], "target": targets.long()}

    def losses(self, network: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Return the generalised Wasserstein Dice loss; ignored voxels add nothing."""
        logits, target = network(batch["image"]).float(), batch["target"]
        ignored = target == _IGNORED
        certain = torch.zeros(len(CLASSES), device=logits.device)
        certain[0] = _CERTAIN
        logits = torch.where(ignored[:, None], certain.reshape(1, -1, 1, 1, 1), logits)
        return {"wasserstein_dice": self._loss(logits, torch.where(ignored, 0, target))}

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return Dice of infection and of each type over fixed blocks."""
        device = next(network.parameters()).device
        sums = np.zeros((len(CLASSES), 3))
        for block in self._validation:
            images, targets = self._read([block])
            shares = network(windowed(images.to(device))[:, None]).float().softmax(dim=1)
            target = targets.to(device).long()
            counted = target != _IGNORED
            infected = (1 - shares[:, 0] >= INFECTION_THRESHOLD) & counted
            kind = shares[:, 1:].argmax(dim=1) + 1
            sums[0] += _overlap(infected, (target > 0) & counted)
            for value in INFECTED_VALUES:
                sums[value] += _overlap(infected & (kind == value), target == value)
        names = ("infected", *(name.replace(" ", "_") for name in CLASSES[1:]))
        return {
            f"{name}_dice": 2 * shared / max(1.0, found + true)
            for name, (shared, found, true) in zip(names, sums.tolist(), strict=True)
        }

    def _read(self, places: Sequence[tuple[LabelledVolume, Shape]]) -> tuple[Tensor, Tensor]:
        """Return HU float32 and targets uint8 (0-4 or ignored), both ``[b, z, y, x]``."""
        images, targets = [], []
        for volume, centre in places:
            in_plane = pooled_pixels(volume.spacing_mm[2])
            factors = (1, in_plane, in_plane)
            hu, (outline, ignore) = read_block(
                volume, centre, self.schedule.block, factors, ("outline", "ignore")
            )
            target = np.where(outline <= max(INFECTED_VALUES), outline, 0).astype(np.uint8)
            target[ignore > 0] = _IGNORED
            images.append(torch.from_numpy(hu))
            targets.append(torch.from_numpy(target))
        return torch.stack(images), torch.stack(targets)


def task(studies: LabelledStudies, cache: Path, schedule: str) -> BlockLesionTask:
    """Return what ``train lesions --network unet3d`` trains. Raises RefusedInput as BlockLesionTask does."""
    return BlockLesionTask(studies, SMALL if schedule == "small" else PAPER)


def _place(volume: LabelledVolume, randomness: np.random.Generator) -> Shape:
    if randomness.random() < LESION_SHARE:
        return place_with(volume, "outline", INFECTED_VALUES, randomness)
    return any_place(volume, randomness)


def _overlap(found: Tensor, true: Tensor) -> list[float]:
    return [float((found & true).sum()), float(found.sum()), float(true.sum())]
