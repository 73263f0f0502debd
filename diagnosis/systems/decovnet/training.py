"""Training of DeCoVNet (Wang et al., TMI 2020, section II-F), as published and quickly."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from diagnosis.systems.calibrating import read_answers
from diagnosis.systems.decovnet.calibration import answers
from diagnosis.systems.decovnet.network import COVID, DeCoVNet
from diagnosis.systems.decovnet.preprocessing import PAPER_SIZE, InputSize, as_tensor
from diagnosis.systems.decovnet.training_inputs import augmented, study_input
from diagnosis.systems.study_classes import is_covid, sides
from diagnosis.training.augmentation import Draws
from diagnosis.training.labelled import LabelledStudies, LabelledVolume
from diagnosis.training.task import Batch, Settings

PAPER_EPOCHS = 100


@dataclass(frozen=True, slots=True)
class DeCoVNetSchedule:
    """``published``: augmentation as in the paper, otherwise the one for phantoms. ``shrink`` as `DeCoVNet`
    takes it."""

    settings: Settings
    size: InputSize
    shrink: int = 1
    published: bool = False


SMALL = DeCoVNetSchedule(
    Settings(
        steps=3000, learning_rate=4e-4, optimiser="adam", warm_up=100, validate_every=300,
        checkpoint_every=150, bfloat16=False, channels_last=False,
    ),
    InputSize(112, 168, 4.5),
    shrink=2,
)  # fmt: skip
"""Inputs of half the published sides, slices of about 4.5 mm: a tenth of the published operations."""


def paper(studies: int) -> DeCoVNetSchedule:
    """Return the published schedule: Adam 1e-5 without decay, one scan a step, 100 epochs."""
    settings = Settings(
        steps=PAPER_EPOCHS * studies, learning_rate=1e-5, optimiser="adam", cosine=False, clip_norm=math.inf,
        validate_every=studies, checkpoint_every=200, channels_last=False,
    )  # fmt: skip
    return DeCoVNetSchedule(settings, PAPER_SIZE, published=True)


class DeCoVNetTask:
    """Trains `DeCoVNet` on the class of whole studies: COVID-19 against everything else.

    Both sides are drawn equally often, as the paper oversamples the smaller one.
    """

    system = "decovnet"
    weights_name = "decovnet"
    network_name = "DeCoVNet (Wang et al., TMI 2020)"
    headline = "auc"

    def __init__(self, studies: LabelledStudies, cache: Path, schedule: DeCoVNetSchedule = SMALL) -> None:
        """Inputs are kept in ``cache``. Raises RefusedInput: a part without studies of both sides."""
        self.schedule, self.settings = schedule, schedule.settings
        self.config: Mapping[str, Any] = {
            "head": "released", "shrink": schedule.shrink, "input": asdict(schedule.size),
        }  # fmt: skip
        self._cache = cache
        self._sides = sides(studies.part("train"), "train")
        validation = sides(studies.part("validation"), "validation")
        self._validation = [*validation[0], *validation[1]]

    def network(self) -> nn.Module:
        """Return a new network."""
        network = DeCoVNet(shrink=self.schedule.shrink)
        return network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload, no-any-return]

    def batch(self, draws: Draws) -> Batch:
        """Return ``image`` float32 ``[1, 2, z, y, x]`` and ``target`` int64 ``[1]``."""
        side = int(draws.numpy.integers(2))
        studies = self._sides[side]
        volume = studies[int(draws.numpy.integers(len(studies)))]
        given = torch.from_numpy(study_input(volume, self.schedule.size, self._cache)).to(draws.device)
        image, _ = augmented(given, draws, published=self.schedule.published)
        image = image[None].contiguous(memory_format=torch.channels_last_3d)
        return {"image": image, "target": torch.tensor([side], device=draws.device)}

    def losses(self, network: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Return the cross-entropy of the two classes."""
        return {"cross_entropy": functional.cross_entropy(network(batch["image"]).float(), batch["target"])}

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return AUC, accuracy at 0.5 and cross-entropy over the validation part."""
        truth = np.array([is_covid(volume) for volume in self._validation])
        found = np.array([self._probability(network, volume) for volume in self._validation])
        return read_answers(truth, found)

    def calibrated(self, network: nn.Module) -> Mapping[str, Any]:
        """Return operating point and scales of the maps, read from the validation part."""
        return answers(network, self._validation, self.schedule.size, self._cache)  # type: ignore[arg-type]

    def _probability(self, network: nn.Module, volume: LabelledVolume) -> float:
        shown = study_input(volume, self.schedule.size, self._cache)[:2]
        image = as_tensor(shown).to(next(network.parameters()).device)
        return float(network(image).float().softmax(dim=1)[0, COVID])


def task(studies: LabelledStudies, cache: Path, schedule: str) -> DeCoVNetTask:
    """Return what ``python -m diagnosis train decovnet`` trains. Raises RefusedInput as DeCoVNetTask does."""
    return DeCoVNetTask(studies, cache, SMALL if schedule == "small" else paper(len(studies.part("train"))))
