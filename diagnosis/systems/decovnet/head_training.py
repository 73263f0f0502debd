"""Teaching DeCoVNet's head which study has COVID-19, on the features of a backbone that stays as it is.

With the backbone fixed, features are computed once per study and variant, and a step of the head alone takes
a hundredth of a whole one. What the head is taught is the class of the study, as in the paper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from diagnosis.geometry import RefusedInput
from diagnosis.systems.calibrating import read_answers
from diagnosis.systems.decovnet.backbone_training import SMALL_SIZE
from diagnosis.systems.decovnet.calibration import answers
from diagnosis.systems.decovnet.network import COVID, DeCoVNet, Head
from diagnosis.systems.decovnet.preprocessing import InputSize, as_tensor
from diagnosis.systems.decovnet.training_inputs import augmented, study_input
from diagnosis.systems.study_classes import is_covid, sides
from diagnosis.training.augmentation import Draws
from diagnosis.training.checkpoint import digest_of
from diagnosis.training.kept import kept
from diagnosis.training.labelled import CT, LabelledStudies, LabelledVolume
from diagnosis.training.task import Batch, Settings

FIRST = "backbone"
"""The network whose weights this one begins with."""


@dataclass(frozen=True, slots=True)
class HeadSchedule:
    """``variants`` of each training study: as it is, and moved and degraded in fixed ways. ``batch`` is even:
    half of it has COVID-19. ``head``, ``dropout`` and ``shrink`` as `DeCoVNet` takes them."""

    settings: Settings
    size: InputSize = SMALL_SIZE
    head: Head = "released"
    shrink: int = 4
    dropout: float = 0.5
    smoothing: float = 0.1
    variants: int = 4
    batch: int = 16


SMALL = HeadSchedule(
    Settings(
        steps=1000, learning_rate=3e-4, weight_decay=0.1, warm_up=20, validate_every=50,
        checkpoint_every=100, bfloat16=False, channels_last=False,
    )
)  # fmt: skip


class HeadTask:
    """Trains the head of `DeCoVNet` on the class of whole studies: COVID-19 against everything else."""

    system = "decovnet"
    weights_name = "decovnet"
    network_name = "DeCoVNet (Wang et al., TMI 2020): backbone taught by voxels, head by classes"
    headline = "auc"

    def __init__(self, studies: LabelledStudies, cache: Path, schedule: HeadSchedule = SMALL) -> None:
        """Raises RefusedInput: a part without studies of both sides."""
        self.schedule, self.settings = schedule, schedule.settings
        self.config: Mapping[str, Any] = {
            "head": schedule.head, "shrink": schedule.shrink, "input": asdict(schedule.size),
        }  # fmt: skip
        self._cache = cache
        self._sides = sides(studies.part("train"), "train")
        negative, positive = sides(studies.part("validation"), "validation")
        self._validation = [*negative, *positive]
        self._features: Mapping[str, Sequence[NDArray[np.float16]]] = {}

    def network(self) -> nn.Module:
        """Return a new network."""
        return DeCoVNet(self.schedule.head, self.schedule.dropout, self.schedule.shrink)

    @property
    def grid(self) -> str:
        """Which first pool the head has, in the names of the features that are kept after it."""
        shrink = str(self.schedule.shrink)
        return shrink if self.schedule.head == "released" else f"{self.schedule.head}-{shrink}"

    def started(self, network: nn.Module, taught: bool) -> None:
        """Compute the features of every study by this network, which keeps its backbone from here on.

        Raises RefusedInput (code no_backbone) when its backbone is a random one.
        """
        if not taught:
            raise RefusedInput(
                "no_backbone",
                "The head needs a taught backbone: give weights of the network backbone with --start.",
            )
        network.eval()
        network.backbone.requires_grad_(False)
        version = digest_of(network.backbone)  # type: ignore[arg-type]
        self._features = {
            volume.study: [self._kept(network, volume, version, variant) for variant in range(variants)]
            for volumes, variants in (
                ([*self._sides[0], *self._sides[1]], self.schedule.variants), (self._validation, 1),
            )
            for volume in volumes
        }  # fmt: skip

    def batch(self, draws: Draws) -> Batch:
        """Return ``features`` float32 ``[b, 128, z, y, x]`` and ``target`` int64 ``[b]``."""
        target = np.arange(self.schedule.batch) % 2
        chosen = []
        for side in target:
            studies = self._sides[side]
            variants = self._features[studies[int(draws.numpy.integers(len(studies)))].study]
            chosen.append(variants[int(draws.numpy.integers(len(variants)))])
        features = torch.from_numpy(np.stack(chosen)).to(draws.device).float()
        return {"features": features, "target": torch.from_numpy(target).to(draws.device).long()}

    def losses(self, network: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Return the cross-entropy of the two classes, smoothed: some studies look like the other class."""
        logits = network.classify(batch["features"]).float()  # type: ignore[operator]
        loss = functional.cross_entropy(logits, batch["target"], label_smoothing=self.schedule.smoothing)
        return {"cross_entropy": loss}

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return AUC, accuracy at 0.5 and cross-entropy over the validation part."""
        device = next(network.parameters()).device
        found = []
        for volume in self._validation:
            features = torch.from_numpy(self._features[volume.study][0])[None].to(device).float()
            logits = network.classify(features)  # type: ignore[operator]
            found.append(float(logits.float().softmax(dim=1)[0, COVID]))
        return read_answers(np.array([is_covid(volume) for volume in self._validation]), np.array(found))

    def calibrated(self, network: nn.Module) -> Mapping[str, Any]:
        """Return operating point and scales of the maps, read from the validation part."""
        return answers(network, self._validation, self.schedule.size, self._cache)  # type: ignore[arg-type]

    def _kept(
        self, network: nn.Module, volume: LabelledVolume, version: str, variant: int
    ) -> NDArray[np.float16]:
        name = f"{volume.arrays[CT].path.stem}.decovnet-features.{version}.{self.grid}.{variant}.npy"
        return kept(self._cache / name, lambda: self._made(network, volume, variant))

    def _made(self, network: nn.Module, volume: LabelledVolume, variant: int) -> NDArray[np.float16]:
        """Features on the grid where the head begins, ``[128, z, y, x]``; variant 0 is the study as it is."""
        device = next(network.parameters()).device
        given = study_input(volume, self.schedule.size, self._cache)
        image = as_tensor(given[:2])
        if variant:
            digits = int(volume.arrays[CT].path.stem[:8], 16)
            draws = Draws(np.random.default_rng([digits, variant]), torch.device("cpu"))
            image = augmented(torch.from_numpy(given), draws, published=False)[0][None]
        with torch.no_grad():
            features = network.head[0](network.features(image.to(device)))  # type: ignore[operator, index]
        return np.asarray(features[0].cpu().numpy(), dtype=np.float16)


def task(studies: LabelledStudies, cache: Path, schedule: str) -> HeadTask:
    """Return what ``train decovnet --network head`` trains. Raises RefusedInput as HeadTask does."""
    if schedule == "paper":
        raise RefusedInput("no_schedule", "The paper trains the whole network at once: train decovnet.")
    return HeadTask(studies, cache)
