"""Training of the lobe network on whole lungs, on its coarse grid."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from diagnosis.lungs.lobe_input import GRID, WINDOW_HU, coordinates, lobe_case, lobe_truth
from diagnosis.lungs.lobe_network import CLASSES, LobeUNet
from diagnosis.lungs.training import with_truth
from diagnosis.results import LOBES
from diagnosis.training.augmentation import Draws
from diagnosis.training.kept import kept
from diagnosis.training.labelled import LabelledStudies, LabelledVolume
from diagnosis.training.losses import dice_loss
from diagnosis.training.task import Batch, Settings

RIGHT_LOBES, LEFT_LOBES = (1, 2, 3), (4, 5)
OUTSIDE_WEIGHT = 0.1
"""Of cells outside the lungs in the cross-entropy: the input says already where they are."""
ROTATION_DEGREES, SCALE, SHIFT, ELASTIC = 12.0, 0.12, 0.05, 0.03
"""Ranges of the augmentation; shift and elastic deviation as parts of the box."""
NOISE, OFFSET_HU, GAIN = 0.04, 22.0, 0.04
"""Noise per cell (a cell averages several voxels), calibration as for slices."""
_KNOTS = 4
_CT, _RIGHT, _LEFT, _TRUTH = range(4)


@dataclass(frozen=True, slots=True)
class LobeSchedule:
    """How long and with how many volumes at a step."""

    settings: Settings
    batch: int = 2
    validation_volumes: int = 16


SMALL = LobeSchedule(
    Settings(
        steps=450, learning_rate=3e-3, warm_up=20, validate_every=75, checkpoint_every=75,
        channels_last=False,
    )
)  # fmt: skip
"""900 deformed volumes."""
PAPER = LobeSchedule(
    Settings(
        steps=6000, learning_rate=2e-3, warm_up=100, validate_every=250, checkpoint_every=100,
        channels_last=False,
    ),
    batch=4,
)  # fmt: skip
"""No paper describes this network: the schedule for when time does not matter, 24,000 deformed volumes."""


class LobeTask:
    """Trains `LobeUNet` on volumes whose lungs and lobes are known."""

    system = "lobes"
    weights_name = "lobes"
    network_name = "3-D U-Net over both lungs on a coarse grid"
    headline = "lobe_dice"
    config: Mapping[str, Any] = {"network": "unet3d", "grid": list(GRID)}

    def __init__(self, studies: LabelledStudies, cache: Path, schedule: LobeSchedule = SMALL) -> None:
        """Cases on the coarse grid go to ``cache`` when first used. Raises RefusedInput as LungTask does."""
        self.schedule, self.settings = schedule, schedule.settings
        self._cache = cache
        self._train = with_truth(studies.part("train"), "lungs", "lobes")
        validation = with_truth(studies.part("validation"), "lungs", "lobes")
        self._validation = validation[: schedule.validation_volumes]
        self._coordinates = torch.from_numpy(coordinates())

    def network(self) -> nn.Module:
        """Return a new network."""
        return LobeUNet()

    def batch(self, draws: Draws) -> Batch:
        """Return ``case`` float32 ``[b, 6, z, y, x]`` and ``target`` int64 ``[b, z, y, x]``."""
        chosen = draws.numpy.integers(len(self._train), size=self.schedule.batch)
        values, truth = self._read([self._train[index] for index in chosen], draws.device)
        values, truth = deformed(values, truth, draws)
        return {"case": self._with_coordinates(degraded(values, draws)), "target": truth[:, 0].long()}

    def losses(self, network: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Return the cross-entropy, mostly inside the lungs, and the mean Dice loss of the five lobes."""
        logits, target = network(batch["case"]).float(), batch["target"]
        weights = torch.ones(CLASSES, device=logits.device)
        weights[0] = OUTSIDE_WEIGHT
        probability = logits.softmax(dim=1)
        inside = (target > 0).float()
        dice = [dice_loss(probability[:, lobe], (target == lobe).float(), inside) for lobe in LOBES]
        return {
            "cross_entropy": functional.cross_entropy(logits, target, weights),
            "dice": torch.stack(dice).mean(),
        }

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return the Dice of each lobe over the lungs' cells, each lung taking the lobes of its own side."""
        device = next(network.parameters()).device
        sums = np.zeros((CLASSES, 3))
        for volume in self._validation:
            values, truth = self._read([volume], device)
            logits = network(self._with_coordinates(values)).float()
            found = own_side(logits, values[:, _RIGHT] >= values[:, _LEFT])
            target = truth[:, 0]
            found = torch.where(target > 0, found, 0)
            for lobe in LOBES:
                a, b = found == lobe, target == lobe
                sums[lobe] += [float((a & b).sum()), float(a.sum()), float(b.sum())]
        dice = {name: float(2 * sums[i][0] / max(1.0, sums[i][1] + sums[i][2])) for i, name in LOBES.items()}
        return {"lobe_dice": sum(dice.values()) / len(dice), **dice}

    def _with_coordinates(self, values: Tensor) -> Tensor:
        places = self._coordinates.to(values.device).expand(len(values), -1, -1, -1, -1)
        return torch.cat([values, places], dim=1)

    def _read(self, volumes: Sequence[LabelledVolume], device: torch.device) -> tuple[Tensor, Tensor]:
        """Return CT, right, left float32 ``[b, 3, z, y, x]`` and lobes float32 ``[b, 1, z, y, x]``."""
        cases = np.stack([coarse_case(volume, self._cache) for volume in volumes]).astype(np.float32)
        values = torch.from_numpy(cases).to(device)
        return values[:, :_TRUTH], values[:, _TRUTH:]


def task(studies: LabelledStudies, cache: Path, schedule: str) -> LobeTask:
    """Return what ``python -m diagnosis train lobes`` trains. Raises RefusedInput as LobeTask does."""
    return LobeTask(studies, cache, SMALL if schedule == "small" else PAPER)


def coarse_case(volume: LabelledVolume, cache: Path) -> NDArray[np.float16]:
    """Return CT 0..1, share of right and left lung, and lobes, float16 ``[4, z, y, x]`` on `GRID`.

    Made once and kept in ``cache`` under the hash of the lobes' file.
    """
    grid = "x".join(str(count) for count in GRID)
    path = cache / f"{volume.arrays['lobes'].path.stem}.{volume.arrays['ct'].path.stem[:16]}.{grid}.npy"
    return kept(path, lambda: _coarse(volume))


def _coarse(volume: LabelledVolume) -> NDArray[np.float16]:
    lungs = volume.arrays["lungs"].whole()
    case = lobe_case(volume.arrays["ct"].whole(), lungs)
    truth = lobe_truth(volume.arrays["lobes"].whole(), case.box)
    return np.concatenate([case.values[:_TRUTH], truth[None]]).astype(np.float16)


def own_side(logits: Tensor, right: Tensor) -> Tensor:
    """Return the likeliest lobe of the right lung where ``right``, of the left one elsewhere."""
    of_right = logits[:, list(RIGHT_LOBES)].argmax(dim=1) + RIGHT_LOBES[0]
    of_left = logits[:, list(LEFT_LOBES)].argmax(dim=1) + LEFT_LOBES[0]
    return torch.where(right, of_right, of_left)


def deformed(values: Tensor, truth: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
    """Rotate about all axes, scale, shift and bend; never mirrored, for the lungs are no mirror images."""
    count, size = len(values), list(values.shape[-3:])
    matrix = _rotations(draws.uniform(-1, 1, (count, 3)) * math.radians(ROTATION_DEGREES))
    scale = torch.exp(draws.uniform(-SCALE, SCALE, (count, 1, 3)))
    shift = draws.uniform(-2 * SHIFT, 2 * SHIFT, (count, 3, 1))
    grid = functional.affine_grid(
        torch.cat([matrix * scale, shift], dim=2), [count, 1, *size], align_corners=False
    )
    knots = draws.normal((count, 3, _KNOTS, _KNOTS, _KNOTS)) * ELASTIC
    bend = functional.interpolate(knots, [side // 4 for side in size], mode="trilinear", align_corners=True)
    bend = functional.interpolate(bend, size, mode="trilinear", align_corners=True)
    grid = grid + bend.permute(0, 2, 3, 4, 1)
    moved = functional.grid_sample(values, grid, mode="bilinear", align_corners=False, padding_mode="border")
    turned = functional.grid_sample(truth, grid, mode="nearest", align_corners=False)
    outside = (grid.abs() > 1).any(dim=-1)[:, None]
    moved[:, 1:] = torch.where(outside, 0.0, moved[:, 1:])
    return moved, turned


def degraded(values: Tensor, draws: Draws) -> Tensor:
    """Add noise and change the calibration of the CT channel."""
    count = len(values)
    one = (count, 1, 1, 1)
    span = WINDOW_HU[1] - WINDOW_HU[0]
    ct = values[:, _CT]
    gain = 1 + draws.uniform(-GAIN, GAIN, one)
    offset = draws.uniform(-OFFSET_HU, OFFSET_HU, one) / span
    noise = draws.normal(ct.shape) * draws.uniform(0, NOISE, one)
    return torch.cat([(ct * gain + offset + noise).clamp(0, 1)[:, None], values[:, _RIGHT:]], dim=1)


def _rotations(angles: Tensor) -> Tensor:
    """Return rotation matrices ``[b, 3, 3]`` about x, y and z by ``angles`` ``[b, 3]`` in radians."""
    result = torch.eye(3, device=angles.device).expand(len(angles), 3, 3)
    for axis in range(3):
        first, second = (other for other in range(3) if other != axis)
        turn = torch.eye(3, device=angles.device).repeat(len(angles), 1, 1)
        cosine, sine = torch.cos(angles[:, axis]), torch.sin(angles[:, axis])
        turn[:, first, first], turn[:, second, second] = cosine, cosine
        turn[:, first, second], turn[:, second, first] = -sine, sine
        result = result @ turn
    return result
