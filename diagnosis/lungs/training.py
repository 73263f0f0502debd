"""Training of the 2-D lung network (Wang et al., TMI 2020, section III-B), as published and quickly."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from diagnosis.geometry import RefusedInput
from diagnosis.lungs.input import WINDOW_HU
from diagnosis.lungs.unet2d import LungUNet
from diagnosis.preprocessing.network_grid import pooled_pixels
from diagnosis.training.augmentation import TRANSFER, Draws, augment, change_grey
from diagnosis.training.labelled import LabelledStudies, LabelledVolume
from diagnosis.training.losses import dice_loss
from diagnosis.training.sampling import (
    AIR_HU,
    SliceRef,
    evenly,
    every_slice,
    fitted,
    pooled,
    pooled_labels,
)
from diagnosis.training.task import Batch, Settings

_GREYS = 255.0
PAPER_SIDE, PAPER_SLICES, PAPER_EPOCHS = 368, 48, 130
PAPER_CLIP = (0.2, 0.85)
"""Part of the height from which slices are drawn."""
BRIGHTNESS, CONTRAST = 0.5, 0.3
"""Published ranges: brightness +-50 %, contrast +-30 %, on grey values."""


@dataclass(frozen=True, slots=True)
class LungSchedule:
    """``size`` is the side of whole slices, ``part`` that of what goes through the network at a step.

    ``published`` resamples slices to ``size`` and changes brightness and contrast only; otherwise pixels
    keep their size and the augmentation is the one that carried phantoms to real CT.
    """

    settings: Settings
    batch: int = 8
    size: int = 256
    part: int = 192
    clip: tuple[float, float] = (0.0, 1.0)
    published: bool = False
    validation_slices: int = 64


SMALL = LungSchedule(
    Settings(
        steps=450, learning_rate=1e-3, optimiser="adam", warm_up=20, validate_every=75, checkpoint_every=75
    )
)
"""3,600 parts of slices."""


def paper(volumes: int) -> LungSchedule:
    """Return the published schedule: 48 random slices of one volume at a step, 130 epochs, Adam 1e-3."""
    settings = Settings(
        steps=PAPER_EPOCHS * volumes, learning_rate=1e-3, optimiser="adam", cosine=False,
        clip_norm=math.inf, validate_every=volumes, checkpoint_every=100,
    )  # fmt: skip
    return LungSchedule(settings, PAPER_SLICES, PAPER_SIDE, PAPER_SIDE, PAPER_CLIP, published=True)


class LungTask:
    """Trains `LungUNet` on slices of volumes whose lungs are known."""

    system = "lungs"
    weights_name = "lungs"
    network_name = "2-D U-Net of DeCoVNet (Wang et al., TMI 2020)"
    headline = "lung_dice"
    config: Mapping[str, Any] = {"network": "unet2d"}

    def __init__(self, studies: LabelledStudies, schedule: LungSchedule = SMALL) -> None:
        """Raises RefusedInput: no studies in a part, or no lungs among what they teach."""
        self.schedule, self.settings = schedule, schedule.settings
        train = with_truth(studies.part("train"), "lungs")
        validation = with_truth(studies.part("validation"), "lungs")
        self._train = [every_slice([volume], schedule.clip) for volume in train]
        self._validation = evenly(every_slice(validation), schedule.validation_slices)

    def network(self) -> nn.Module:
        """Return a new network."""
        return LungUNet()

    def batch(self, draws: Draws) -> Batch:
        """Return ``image`` float32 ``[b, 1, y, x]`` grey values 0..1 and ``target`` int64 ``[b, y, x]``."""
        images, labels = self._read(self._drawn(draws.numpy), draws.device)
        if self.schedule.published:
            grey = change_grey(greys(images), draws, BRIGHTNESS, CONTRAST)
        else:
            part = (self.schedule.part, self.schedule.part)
            images, labels = augment(images, labels, draws, TRANSFER, part)
            grey = greys(images)
        return {"image": grey, "target": labels[:, 0].long()}

    def losses(self, network: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Return cross-entropy (as published) and, in the small schedule, the Dice loss beside it."""
        logits, target = network(batch["image"]).float(), batch["target"]
        losses = {"cross_entropy": functional.cross_entropy(logits, target)}
        if not self.schedule.published:
            losses["dice"] = dice_loss(logits.softmax(dim=1)[:, 1], (target == 1).float())
        return losses

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return Dice and mean intersection over union (lung, background) over fixed slices."""
        device = next(network.parameters()).device
        table = np.zeros((2, 2))
        for start in range(0, len(self._validation), 4):
            images, labels = self._read(self._validation[start : start + 4], device)
            found = network(greys(images)).argmax(dim=1)
            table += counted(labels[:, 0], found)
        return overlap(table)

    def _drawn(self, randomness: np.random.Generator) -> list[SliceRef]:
        """Slices of one volume as published, otherwise of as many volumes as there are slices."""
        count = self.schedule.batch
        if self.schedule.published:
            slices = self._train[int(randomness.integers(len(self._train)))]
            return [slices[int(index)] for index in randomness.integers(len(slices), size=count)]
        chosen = randomness.integers(len(self._train), size=count)
        return [self._train[index][int(randomness.integers(len(self._train[index])))] for index in chosen]

    def _read(self, refs: Sequence[SliceRef], device: torch.device) -> tuple[Tensor, Tensor]:
        """Return HU float32 and labels uint8 (1 lung), both ``[b, 1, y, x]``."""
        read = [self._resampled(ref) if self.schedule.published else self._fitted(ref) for ref in refs]
        images = torch.cat([image for image, _ in read]).to(device)
        return images, torch.cat([labels for _, labels in read]).to(device)

    def _fitted(self, ref: SliceRef) -> tuple[Tensor, Tensor]:
        size = (self.schedule.size, self.schedule.size)
        factor = pooled_pixels(ref.volume.spacing_mm[2])
        hu, lungs = _slice(ref)
        image = fitted(pooled(hu, factor), size, AIR_HU)
        labels = fitted(pooled_labels(lungs, factor), size, 0)
        return torch.from_numpy(image)[None], torch.from_numpy(labels)[None]

    def _resampled(self, ref: SliceRef) -> tuple[Tensor, Tensor]:
        size = [self.schedule.size, self.schedule.size]
        hu, lungs = _slice(ref)
        image = functional.interpolate(
            torch.from_numpy(hu)[None], size, mode="bilinear", align_corners=False, antialias=True
        )
        labels = functional.interpolate(torch.from_numpy(lungs)[None], size, mode="nearest-exact")
        return image, labels


def task(studies: LabelledStudies, cache: Path, schedule: str) -> LungTask:
    """Return what ``python -m diagnosis train lungs`` trains. Raises RefusedInput as LungTask does."""
    return LungTask(studies, SMALL if schedule == "small" else paper(len(studies.part("train"))))


def with_truth(volumes: Sequence[LabelledVolume], *names: str) -> list[LabelledVolume]:
    """Return the volumes that teach all of these. Raises RefusedInput (nothing_to_learn) when none does."""
    found = [volume for volume in volumes if volume.has(*names)]
    if found:
        return found
    files = " and ".join(f"{name}.nii.gz" for name in names)
    raise RefusedInput(
        "nothing_to_learn",
        f"No study in a part of this label folder has {files}, so there is nothing to learn them from. "
        "Phantoms have them; signed readings teach lesions only.",
    )


def greys(images: Tensor) -> Tensor:
    """Return HU as grey values 0..1 in 256 steps, as `diagnosis.lungs.input.lung_window` does."""
    low, high = WINDOW_HU
    return torch.round((images.clamp(low, high) - low) * (_GREYS / (high - low))) / _GREYS


def counted(labels: Tensor, found: Tensor) -> np.ndarray:
    """Return a 2 x 2 table of voxels, true classes (0, 1) in rows, found ones in columns."""
    pairs = torch.bincount((2 * labels.long() + found).flatten(), minlength=4)
    return pairs.reshape(2, 2).cpu().numpy()


def overlap(table: np.ndarray) -> dict[str, float]:
    """Return metrics of a table as `counted` makes it."""
    shared = np.diag(table)
    union = table.sum(axis=0) + table.sum(axis=1) - shared
    return {
        "lung_dice": float(2 * table[1, 1] / max(1.0, table[1].sum() + table[:, 1].sum())),
        "mean_iou": float((shared / np.maximum(1.0, union)).mean()),
    }


def _slice(ref: SliceRef) -> tuple[np.ndarray, np.ndarray]:
    """Return HU float32 and labels uint8, both ``[1, y, x]``."""
    volume, index = ref.volume, ref.index
    labels = (volume.labels("lungs", index, index + 1) > 0).astype(np.uint8)
    return volume.hu(index, index + 1).astype(np.float32), labels
