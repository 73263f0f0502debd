"""Teaching icovid's head which study has COVID-19, on the features of branches that stay as they are.

With the branches fixed, the pooled features are computed once per study and variant, and a step of the head
alone takes a tenth of a whole one. What the head is taught is the class of the study, as in the paper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from diagnosis.geometry import RefusedInput
from diagnosis.systems.calibrating import read_answers
from diagnosis.systems.icovid.calibration import answers
from diagnosis.systems.icovid.cvae_training import SMALL_SIZE
from diagnosis.systems.icovid.network import COVID, SPP_TEXT, ICovid, Side
from diagnosis.systems.icovid.preprocessing import InputSize, as_tensor
from diagnosis.systems.icovid.training import config_of, transfer
from diagnosis.systems.icovid.training_inputs import augmented, in_use, lesions_at, study_input
from diagnosis.systems.study_classes import is_covid, sides
from diagnosis.training.augmentation import Draws
from diagnosis.training.checkpoint import digest_of
from diagnosis.training.kept import kept
from diagnosis.training.labelled import CT, LabelledStudies, LabelledVolume
from diagnosis.training.task import Batch, Settings

FIRST = "cvae"
"""The network whose weights this one begins with."""
_IN_USE = 0
"""The variant of a study that is neither moved nor disturbed."""
_FEWEST = 0.5
"""Part of the slices of a study that a step takes at least."""


@dataclass(frozen=True, slots=True)
class HeadSchedule:
    """``variants`` of each training study, moved, degraded and disturbed in fixed ways. ``batch`` is even:
    half of it has COVID-19. ``dropout``: part of the pooled features that a step does not see."""

    settings: Settings
    size: InputSize = SMALL_SIZE
    side: Side = "lesions"
    spp: tuple[int, ...] = SPP_TEXT
    dropout: float = 0.3
    smoothing: float = 0.1
    variants: int = 3
    batch: int = 16


SMALL = HeadSchedule(
    Settings(
        steps=1000, learning_rate=3e-4, weight_decay=0.1, warm_up=20, validate_every=50,
        checkpoint_every=200, bfloat16=False, channels_last=False,
    )
)  # fmt: skip


class HeadTask:
    """Trains what follows the branches of `ICovid` on the class of studies: COVID-19 against the rest."""

    system = "icovid"
    weights_name = "icovid"
    network_name = "icovid classifier (Berenguer et al., 2020): branches of the CVAE, head by classes"
    headline = "auc"

    def __init__(self, studies: LabelledStudies, cache: Path, schedule: HeadSchedule = SMALL) -> None:
        """Raises RefusedInput: a part without studies of both sides."""
        self.schedule, self.settings = schedule, schedule.settings
        self.config: Mapping[str, Any] = config_of(schedule.side, schedule.spp, schedule.size)
        self._cache = cache
        self._sides = sides(studies.part("train"), "train")
        negative, positive = sides(studies.part("validation"), "validation")
        self._validation = [*negative, *positive]
        self._features: Mapping[str, Sequence[NDArray[np.float16]]] = {}

    def network(self) -> nn.Module:
        """Return a new network."""
        return ICovid(self.schedule.side, self.schedule.spp)

    def transfer(self, network: nn.Module, start: Path) -> None:
        """Take both branches from weights of the CVAE, or everything from weights of a classifier."""
        transfer(network, start)

    def started(self, network: nn.Module, taught: bool) -> None:
        """Compute the pooled features of every study by these branches, which stay as they are from here on.

        Raises RefusedInput (code no_branches) when they are random ones.
        """
        if not taught:
            raise RefusedInput(
                "no_branches",
                "The head needs taught branches: give weights of the network cvae with --start.",
            )
        network.eval()
        network.encoder.requires_grad_(False)
        version = digest_of(network.encoder)  # type: ignore[arg-type]
        variants = range(1, self.schedule.variants + 1)
        taught_on = [*self._sides[0], *self._sides[1]]
        self._features = {
            volume.study: [self._kept(network, volume, version, variant) for variant in of]
            for volumes, of in ((taught_on, variants), (self._validation, (_IN_USE,)))
            for volume in volumes
        }

    def batch(self, draws: Draws) -> Batch:
        """Return ``features`` ``[n, 64 * bins]`` of the slices of all studies, how many ``slices`` each
        has, and ``target`` int64 ``[b]``."""
        target = np.arange(self.schedule.batch) % 2
        chosen = []
        for side in target:
            studies = self._sides[side]
            variants = self._features[studies[int(draws.numpy.integers(len(studies)))].study]
            slices = variants[int(draws.numpy.integers(len(variants)))]
            count = max(1, round(len(slices) * draws.numpy.uniform(_FEWEST, 1.0)))
            chosen.append(slices[draws.numpy.permutation(len(slices))[:count]])
        return {
            "features": torch.from_numpy(np.concatenate(chosen)).to(draws.device).float(),
            "slices": torch.tensor([len(slices) for slices in chosen]),
            "target": torch.from_numpy(target).to(draws.device).long(),
        }

    def losses(self, network: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Return the cross-entropy of the two classes, smoothed: some studies look like the other class."""
        features = functional.dropout(batch["features"], self.schedule.dropout, network.training)
        described = network.describe[1:](features)  # type: ignore[index, operator]
        logits = [network.classify(part) for part in described.split(batch["slices"].tolist())]  # type: ignore[operator]
        loss = functional.cross_entropy(
            torch.cat(logits).float(), batch["target"], label_smoothing=self.schedule.smoothing
        )
        return {"cross_entropy": loss}

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return AUC, accuracy at 0.5 and cross-entropy over the validation part, lesions as in use."""
        device = next(network.parameters()).device
        found = []
        for volume in self._validation:
            features = torch.from_numpy(self._features[volume.study][0]).to(device).float()
            logits = network.classify(network.describe[1:](features))  # type: ignore[index, operator]
            found.append(float(logits.float().softmax(dim=1)[0, COVID]))
        return read_answers(np.array([is_covid(volume) for volume in self._validation]), np.array(found))

    def calibrated(self, network: nn.Module) -> Mapping[str, Any]:
        """Return operating point and scales of the maps, read from the validation part."""
        return answers(network, self._validation, self.schedule.side, self.schedule.size, self._cache)  # type: ignore[arg-type]

    def _kept(
        self, network: nn.Module, volume: LabelledVolume, version: str, variant: int
    ) -> NDArray[np.float16]:
        grids = "-".join(map(str, self.schedule.spp))
        source = lesions_at(volume, in_use(self.schedule.side) if variant == _IN_USE else "truth")
        name = f"{volume.arrays[CT].path.stem}.icovid-pooled.{version}.{source}.{grids}.{variant}.npy"
        return kept(self._cache / name, lambda: self._made(network, volume, variant))

    def _made(self, network: nn.Module, volume: LabelledVolume, variant: int) -> NDArray[np.float16]:
        """Pooled features of the slices ``[z, 64 * bins]``; _IN_USE is the study as it is."""
        device = next(network.parameters()).device
        if variant != _IN_USE:
            given = torch.from_numpy(study_input(volume, self.schedule.size, self._cache))
            digits = int(volume.arrays[CT].path.stem[:8], 16)
            draws = Draws(np.random.default_rng([digits, variant]), torch.device("cpu"))
            image = augmented(given, self.schedule.side, draws)[0]
        else:
            lesions = in_use(self.schedule.side)
            seen = study_input(volume, self.schedule.size, self._cache, lesions)[:2]
            image = as_tensor(seen, self.schedule.side)
        with torch.no_grad():
            pooled = network.describe[0](network.encoder(image.to(device)))  # type: ignore[index, operator]
        return np.asarray(pooled.cpu().numpy(), dtype=np.float16)


def task(studies: LabelledStudies, cache: Path, schedule: str) -> HeadTask:
    """Return what ``train icovid --network head`` trains. Raises RefusedInput as HeadTask does."""
    if schedule == "paper":
        raise RefusedInput("no_schedule", "The paper trains branches and head together: train icovid.")
    return HeadTask(studies, cache)
