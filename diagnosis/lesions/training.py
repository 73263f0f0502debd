"""Training of the fast lesion network: what it sees, what it should say, how it is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from diagnosis.geometry import RefusedInput
from diagnosis.lesions.input import NEIGHBOUR_MM, THINNEST_MM, WINDOW_HU, three_slices
from diagnosis.lesions.tally import (
    EFFUSION_CLASS,
    IGNORED,
    INFECTION_THRESHOLD,
    TYPE_WEIGHTS,
    Tally,
    type_scale,
)
from diagnosis.lesions.unet25d import (
    BACKGROUND_CLASS,
    CLASSES,
    INFECTED_CLASSES,
    LESION_OF_CLASS,
    LUNG_CLASS,
    VESSEL_CLASS,
    LesionUNet,
)
from diagnosis.preprocessing.network_grid import pooled_pixels
from diagnosis.results import ATELECTASIS, EFFUSION, INFECTED_VALUES, NODULE
from diagnosis.training.augmentation import TRANSFER, Draws, augment
from diagnosis.training.labelled import LabelledStudies, LabelledVolume
from diagnosis.training.losses import dice_loss
from diagnosis.training.sampling import (
    AIR_HU,
    BalancedSlices,
    SliceRef,
    evenly,
    every_slice,
    fitted,
    pooled,
    pooled_labels,
    slab_around,
    slices_holding,
)
from diagnosis.training.task import Batch, Settings
from diagnosis.volume import FloatArray, LabelArray

NOT_INFECTED = 254
"""Target of voxels known to hold no infection, but not whether they are lung or background."""
CLASS_WEIGHTS = (0.5, 0.7, 2.0, 2.0, 2.0, 2.0, 1.0, 10.0, 2.5, 2.5)
"""Of the cross-entropy, in the order of CLASSES: rare classes count more, without being guessed at. The four
infection types count as one class in it."""
LUNG_DICE, INFECTED_DICE, TYPE_LOSS = 0.5, 0.7, 0.5
"""Weights of the losses beside the cross-entropy; the two Dice are the recipe that transferred to real CT."""
_ENOUGH_PIXELS = 30
"""A slice counts as holding a lesion type from this many pixels."""


@dataclass(frozen=True, slots=True)
class LesionSchedule:
    """``size`` is the side of whole slices, ``part`` that of what goes through the network at a step."""

    settings: Settings
    batch: int = 8
    size: int = 256
    part: int = 192
    validation_slices: int = 96


SMALL = LesionSchedule(
    Settings(steps=1700, learning_rate=2e-3, warm_up=60, validate_every=170, checkpoint_every=100)
)
"""13,600 parts of slices: 10,000 to 13,000 were enough in the trial whose recipe this is."""
PAPER = LesionSchedule(
    Settings(steps=8000, learning_rate=2e-3, warm_up=200, validate_every=400, checkpoint_every=200),
    batch=16,
    part=256,
    validation_slices=384,
)
"""No paper describes this network: the schedule for when time does not matter, 128,000 whole slices."""


class LesionTask:
    """Trains `LesionUNet` on slices of labelled volumes.

    Slices with each lesion type are drawn as often as those without. Where a study has no lung truth, the
    network only learns that voxels are not infected, or which infection they are.
    """

    system = "lesions"
    weights_name = "lesions"
    network_name = "2.5-D U-Net over three slices, ten classes"
    headline = "infected_dice"
    config: Mapping[str, Any] = {
        "network": "unet25d", "classes": list(CLASSES), "infection_threshold": INFECTION_THRESHOLD,
    }  # fmt: skip

    def __init__(self, studies: LabelledStudies, schedule: LesionSchedule = SMALL) -> None:
        """Raises RefusedInput: no studies in a part, or nothing to learn lesions from."""
        self.schedule, self.settings = schedule, schedule.settings
        train, validation = studies.part("train"), studies.part("validation")
        require_outlines(train)
        self._slices = BalancedSlices(_groups(train))
        half = schedule.validation_slices // 2
        infected = slices_holding(validation, "outline", INFECTED_VALUES, _ENOUGH_PIXELS)
        self._validation = evenly(infected, half) + evenly(every_slice(validation), half)
        self._weights = torch.tensor(CLASS_WEIGHTS)

    def network(self) -> nn.Module:
        """Return a new network."""
        return LesionUNet()

    def batch(self, draws: Draws) -> Batch:
        """Return ``image`` float32 ``[b, 3, y, x]`` and ``target`` int64 ``[b, y, x]``."""
        refs = self._slices.draw(draws.numpy, self.schedule.batch)
        images, targets = self._read(refs, draws.device)
        part = (self.schedule.part, self.schedule.part)
        images, targets = augment(images, targets, draws, TRANSFER, part)
        return {"image": windowed(images), "target": targets[:, 0].long()}

    def losses(self, network: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Return weighted cross-entropy, the loss of infection types, and the two Dice losses."""
        logits = network(batch["image"]).float()
        return lesion_losses(logits, batch["target"], self._weights.to(logits.device))

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return Dice of lungs, infection and each further class over fixed slices."""
        device = next(network.parameters()).device
        tally = Tally()
        for start in range(0, len(self._validation), 4):
            images, targets = self._read(self._validation[start : start + 4], device)
            tally.add(network(windowed(images)).float().softmax(dim=1), targets[:, 0].long())
        return tally.metrics()

    def calibrated(self, network: nn.Module) -> Mapping[str, Any]:
        """Return ``type_scale``: what the shares of the infection types are multiplied by to name one."""
        return {"type_scale": type_scale(self.validate(network)["type_balance"])}

    def _read(self, refs: Sequence[SliceRef], device: torch.device) -> tuple[Tensor, Tensor]:
        size = (self.schedule.size, self.schedule.size)
        read = [read_slice(ref, size) for ref in refs]
        images = torch.from_numpy(np.stack([image for image, _ in read])).to(device)
        targets = torch.from_numpy(np.stack([target for _, target in read])[:, None]).to(device)
        return images, targets


def read_slice(ref: SliceRef, size: tuple[int, int]) -> tuple[FloatArray, LabelArray]:
    """Return HU float32 ``[3, y, x]`` (4.5 mm below, the slice, 4.5 mm above) and its target ``[y, x]``.

    Slices under 2 mm and pixels under about 0.9 mm are pooled, then the slice is cut or filled to ``size``.
    """
    volume = ref.volume
    slab, place, step_mm = slab_around(ref, NEIGHBOUR_MM, THINNEST_MM)
    images = three_slices(np.asarray(slab, np.float32), place, step_mm)
    factor = pooled_pixels(volume.spacing_mm[2])
    target = pooled_labels(target_of(volume, ref.index), factor)
    return fitted(pooled(images, factor), size, AIR_HU), fitted(target, size, BACKGROUND_CLASS)


def target_of(volume: LabelledVolume, index: int) -> LabelArray:
    """Return the class (order of CLASSES), NOT_INFECTED or IGNORED of every pixel of a slice."""

    def mask(name: str) -> LabelArray:
        return np.asarray(volume.labels(name, index, index + 1)[0])

    if volume.has("lungs"):
        lungs = mask("lungs") > 0
        target = np.where(lungs, LUNG_CLASS, BACKGROUND_CLASS).astype(np.uint8)
        target[lungs & (mask("vessels") > 0)] = VESSEL_CLASS
    else:
        target = np.full(volume.shape[1:], NOT_INFECTED, np.uint8)
    target[mask("ignore") > 0] = IGNORED
    if volume.has("not_look"):
        target[(mask("not_look") > 0) & (target == IGNORED)] = NOT_INFECTED
    if volume.has("outline"):
        lesion = _CLASS_OF_LESION[mask("outline")]
        target = np.where((lesion > 0) & (target != IGNORED), lesion, target)
    return target


def windowed(images: Tensor) -> Tensor:
    """Return HU scaled to 0..1 as `diagnosis.lesions.input.lesion_window` does."""
    low, high = WINDOW_HU
    return (images.clamp(low, high) - low) / (high - low)


def lesion_losses(logits: Tensor, target: Tensor, weights: Tensor) -> dict[str, Tensor]:
    """Return ``cross_entropy``, ``type``, ``lung_dice`` and ``infected_dice`` losses, weighted.

    ``logits`` float32 ``[b, 10, y, x]``, ``target`` int64 ``[b, y, x]`` of classes, NOT_INFECTED, IGNORED.
    Where only "not infected" is known, the loss is -log of the probability of all other classes together.
    """
    log = functional.log_softmax(logits, dim=1)
    known = target < len(CLASSES)
    classes = torch.where(known, target, 0)
    log_infected = torch.logsumexp(log[:, INFECTED_CLASSES], dim=1)
    infected = log_infected.exp()
    truth = (target >= INFECTED_CLASSES.start) & (target < INFECTED_CLASSES.stop)
    of_class = log.gather(1, classes[:, None])[:, 0]
    surprise = -torch.where(truth, log_infected, of_class)
    weight = weights[classes] * known
    negative = target == NOT_INFECTED
    if bool(negative.any()):
        surprise = torch.where(negative, -torch.log((1 - infected).clamp_min(1e-6)), surprise)
        weight = weight + weights[LUNG_CLASS] * negative
    types = torch.tensor(TYPE_WEIGHTS, device=logits.device)
    of_type = types[torch.where(truth, target - INFECTED_CLASSES.start, 0)] * truth
    counted = (target != IGNORED).float()
    lung = 1 - log[:, BACKGROUND_CLASS].exp() - log[:, EFFUSION_CLASS].exp()
    lung_truth = ((target != BACKGROUND_CLASS) & (target != EFFUSION_CLASS)).float()
    return {
        "cross_entropy": (surprise * weight).sum() / weight.sum().clamp_min(1.0),
        "type": TYPE_LOSS * ((log_infected - of_class) * of_type).sum() / of_type.sum().clamp_min(1.0),
        "lung_dice": LUNG_DICE * dice_loss(lung, lung_truth, known.float()),
        "infected_dice": INFECTED_DICE * dice_loss(infected, truth.float(), counted),
    }


def task(studies: LabelledStudies, cache: Path, schedule: str) -> LesionTask:
    """Return what ``python -m diagnosis train lesions`` trains. Raises RefusedInput as LesionTask does."""
    return LesionTask(studies, SMALL if schedule == "small" else PAPER)


def _groups(train: Sequence[LabelledVolume]) -> dict[str, tuple[float, list[SliceRef]]]:
    """Return what is drawn how often: infection types together 0.45, look-alikes 0.2, any slice 0.35."""
    alike = (EFFUSION, NODULE, ATELECTASIS)
    groups = {"any": (0.35, every_slice(train))}
    for weight, values in ((0.45, INFECTED_VALUES), (0.2, alike)):
        for value in values:
            slices = slices_holding(train, "outline", [value], _ENOUGH_PIXELS)
            groups[str(value)] = (weight / len(values), slices)
    return groups


def require_outlines(train: Sequence[LabelledVolume]) -> None:
    """Raise RefusedInput (nothing_to_learn) when no study has an outlined lesion."""
    if any(len(volume.slices_with("outline", range(1, 16))) for volume in train):
        return
    raise RefusedInput(
        "nothing_to_learn",
        "No study in the train part of this label folder has an outlined lesion: lesions can not be learned "
        "from it. Outline lesions in some studies, sign them and export again.",
    )


def _lesion_classes() -> LabelArray:
    classes = np.zeros(256, np.uint8)
    for index, value in enumerate(LESION_OF_CLASS):
        if value:
            classes[value] = index
    return classes


_CLASS_OF_LESION = _lesion_classes()
