"""Training of the second patch network, COVID-19 or another disease (Ghavami Modegh et al., section 2.5).

It is trained as the first one, on the diseased alone and without patch heads. The small schedule gives it the
features of the first network, which voxels have taught lesion types; they stay as they are and are computed
once per lung, so that only attention and lung head are left to learn from classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from diagnosis.evaluation.predictions import COVID_GIVEN_DISEASED
from diagnosis.geometry import RefusedInput
from diagnosis.systems.calibrating import read_answers
from diagnosis.systems.patchwise.calibration import answers
from diagnosis.systems.patchwise.losses import lung_loss
from diagnosis.systems.patchwise.network import Features, PatchwiseNetworks, Pooling
from diagnosis.systems.patchwise.training import (
    SMALL,
    DiseasedSchedule,
    config_of,
    drawn_batch,
    even_lungs,
    likeliest,
    looked_at,
    paper,
)
from diagnosis.systems.patchwise.training_inputs import (
    evenly_placed,
    lungs_and_labels,
    lungs_in,
    parted,
    study_input,
)
from diagnosis.training.augmentation import Draws
from diagnosis.training.checkpoint import digest_of
from diagnosis.training.kept import kept
from diagnosis.training.labelled import CT, LabelledStudies, LabelledVolume
from diagnosis.training.task import Batch

FIRST = "fine"
"""The network whose weights this one begins with."""


@dataclass(frozen=True, slots=True)
class FixedFeatures:
    """``variants`` of each training study: as it is, and moved and degraded in fixed ways, lungs at other
    places. ``smoothing`` of the labels: some studies look like the other class."""

    variants: int = 2
    smoothing: float = 0.1


SMALL_COVID = replace(
    SMALL,
    settings=replace(
        SMALL.settings, steps=600, learning_rate=3e-4, weight_decay=0.1, warm_up=20, validate_every=30,
        checkpoint_every=100,
    ),
    scans=8, lungs=6,
)  # fmt: skip


class TaughtCovid(PatchwiseNetworks):
    """Both networks while the second one is taught from images; the first stays as it began."""

    def __init__(self, pooling: Pooling) -> None:
        super().__init__(pooling=pooling)
        self.diseased.requires_grad_(False)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits of lungs ``[n, 2]``."""
        return self.covid.judge(self.covid.features(image)).logits


class TaughtCovidHeads(PatchwiseNetworks):
    """Both networks while attention and lung head of the second are taught from its features."""

    def __init__(self, pooling: Pooling) -> None:
        super().__init__(pooling=pooling)
        self.diseased.requires_grad_(False)
        self.covid.features.requires_grad_(False)

    def forward(self, final: Tensor) -> Tensor:
        """Return logits ``[n, 2]`` of lungs with these features ``[n, 385, y, x]``."""
        not_needed = final.new_empty(0)
        return self.covid.judge(Features(final, not_needed, not_needed)).logits


class CovidTask:
    """Trains the second network from images; COVID-19 and other diseases are drawn equally often."""

    system = "patchwise"
    weights_name = "patchwise"
    network_name = "patch networks (Ghavami Modegh et al., 2020/21): diseased or healthy, COVID-19 or other"
    headline = "auc"

    def __init__(
        self, studies: LabelledStudies, cache: Path, schedule: DiseasedSchedule, smoothing: float = 0.0
    ) -> None:
        """Raises RefusedInput: a part without COVID-19 or without other diseases."""
        self.schedule, self.settings = schedule, schedule.settings
        self.config: Mapping[str, Any] = config_of(schedule)
        self._cache, self._smoothing = cache, smoothing
        self._train = parted(studies.part("train"), COVID_GIVEN_DISEASED, "train")
        other, covid = parted(studies.part("validation"), COVID_GIVEN_DISEASED, "validation")
        self._validation = [*other, *covid]
        self._truth = np.arange(len(self._validation)) >= len(other)
        known = [volume for volume in studies.part("validation") if volume.class_name is not None]
        self._calibrating = looked_at(sorted(known, key=lambda one: str(one.class_name)), schedule)

    def network(self) -> nn.Module:
        """Return new networks."""
        return TaughtCovid(self.schedule.pooling)

    def batch(self, draws: Draws) -> Batch:
        """Return ``shown`` float32 ``[b * n, 4, y, x]`` and ``covid`` int64 ``[b]``."""
        drawn = drawn_batch(list(self._train), self.schedule, self._cache, draws)
        return {"shown": drawn["image"], "covid": drawn["group"]}

    def losses(self, network: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Return the cross-entropy of the likeliest lungs."""
        logits = network(batch["shown"]).float().reshape(self.schedule.scans, self.schedule.lungs, -1)
        return {"lungs": lung_loss(logits, batch["covid"], smoothing=self._smoothing)}

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return AUC, accuracy at 0.5 and cross-entropy over the diseased of the validation part, each as
        likely as the mean of the likeliest 30 % of some of its lungs at even distances."""
        device = next(network.parameters()).device
        found = [likeliest(network(self._validation_lungs(volume).to(device))) for volume in self._validation]
        return read_answers(self._truth, np.array(found))

    def calibrated(self, network: nn.Module) -> Mapping[str, Any]:
        """Return operating points and scales of the maps, read from the validation part."""
        return answers(network, self._calibrating, self.schedule.size, self._cache)  # type: ignore[arg-type]

    def _validation_lungs(self, volume: LabelledVolume) -> Tensor:
        return even_lungs(volume, self.schedule.size, self._cache)[0]


class CovidHeadsTask(CovidTask):
    """Trains attention and lung head of the second network on the features of the first."""

    network_name = (
        "patch networks (Ghavami Modegh et al., 2020/21): features taught by voxels, the second network's "
        "taken from the first"
    )

    def __init__(
        self, studies: LabelledStudies, cache: Path, schedule: DiseasedSchedule = SMALL_COVID,
        fixed: FixedFeatures = FixedFeatures(),
    ) -> None:  # fmt: skip
        """Raises RefusedInput as CovidTask does."""
        super().__init__(studies, cache, schedule, fixed.smoothing)
        self._variants = fixed.variants
        self._features: Mapping[str, Sequence[NDArray[np.float16]]] = {}

    def network(self) -> nn.Module:
        """Return new networks."""
        return TaughtCovidHeads(self.schedule.pooling)

    def started(self, network: nn.Module, taught: bool) -> None:
        """Give the second network the first one's features, and compute those of every study.

        Raises RefusedInput (code no_backbone) when they are random ones.
        """
        if not taught:
            raise RefusedInput(
                "no_backbone",
                "The second network needs taught features: give weights of the network fine with --start.",
            )
        networks: PatchwiseNetworks = network.eval()  # type: ignore[assignment]
        networks.covid.features.load_state_dict(networks.diseased.features.state_dict())
        version = digest_of(networks.covid.features)
        self._features = {
            volume.study: [self._kept(networks, volume, version, variant) for variant in range(variants)]
            for volumes, variants in (
                ([*self._train[0], *self._train[1]], self._variants), (self._validation, 1),
            )
            for volume in volumes
        }  # fmt: skip

    def batch(self, draws: Draws) -> Batch:
        """Return ``shown`` float32 ``[b * n, 385, y, x]`` and ``covid`` int64 ``[b]``."""
        covid = (int(draws.numpy.integers(2)) + np.arange(self.schedule.scans)) % 2
        chosen = []
        for side in covid:
            studies = self._train[side]
            variants = self._features[studies[int(draws.numpy.integers(len(studies)))].study]
            chosen.append(variants[int(draws.numpy.integers(len(variants)))])
        shown = torch.from_numpy(np.concatenate(chosen)).to(draws.device).float()
        return {"shown": shown, "covid": torch.from_numpy(covid).to(draws.device)}

    def _validation_lungs(self, volume: LabelledVolume) -> Tensor:
        return torch.from_numpy(np.asarray(self._features[volume.study][0])).float()

    def _kept(
        self, networks: PatchwiseNetworks, volume: LabelledVolume, version: str, variant: int
    ) -> NDArray[np.float16]:
        name = f"{volume.arrays[CT].path.stem}.patch-features.{version}.{self.schedule.lungs}.{variant}.npy"
        return kept(self._cache / name, lambda: self._made(networks, volume, variant), mapped=True)

    def _made(self, networks: PatchwiseNetworks, volume: LabelledVolume, variant: int) -> NDArray[np.float16]:
        """Features ``[n, 385, y, x]`` of lungs at even distances; variant 0 is the study as it is."""
        like = next(networks.parameters())
        size, ranges, draws = self.schedule.size, None, None
        if variant:
            digits = int(volume.arrays[CT].path.stem[:8], 16)
            ranges = self.schedule.ranges
            draws = Draws(np.random.default_rng([digits, variant]), torch.device("cpu"))
        planes = study_input(volume, size, self._cache)
        crops = evenly_placed(lungs_in(planes, size.side), self.schedule.lungs, draws)
        image, _ = lungs_and_labels(volume, planes, crops, size.side, draws, ranges)
        with torch.no_grad():
            final = networks.covid.features(image.to(like.device)).final
        return np.asarray(final.cpu().numpy(), dtype=np.float16)


def task(studies: LabelledStudies, cache: Path, schedule: str) -> CovidTask:
    """Return what ``train patchwise`` trains in the end. Raises RefusedInput as CovidTask does."""
    if schedule == "small":
        return CovidHeadsTask(studies, cache, SMALL_COVID)
    diseased = [v for v in studies.part("train") if v.class_name not in (None, "NP")]
    return CovidTask(studies, cache, paper(len(diseased)))
