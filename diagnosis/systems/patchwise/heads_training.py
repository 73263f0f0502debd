"""Training of attention and lung heads of both patch networks on features that stay as they are.

Voxels have taught the first network's features which lesion type lies where; a step from images costs
seconds, so its judgement of whole lungs is still poor then. Computed once per lung, the same features serve
both networks, and only what is left to learn from classes is learned: which patches count, and what a lung
with them has. What is taught is as published (section 2.7), the second network on the diseased alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from diagnosis.evaluation.predictions import COVID, COVID_GIVEN_DISEASED, DISEASED
from diagnosis.geometry import RefusedInput
from diagnosis.labels import Split
from diagnosis.systems.calibrating import read_answers
from diagnosis.systems.patchwise.calibration import answers
from diagnosis.systems.patchwise.losses import concordance_loss, lung_loss
from diagnosis.systems.patchwise.network import Features, PatchwiseNetworks, Pooling
from diagnosis.systems.patchwise.patch_labels import lungs_by_voxels
from diagnosis.systems.patchwise.training import (
    PAPER_LUNGS,
    SMALL,
    DiseasedSchedule,
    config_of,
    likeliest,
    looked_at,
)
from diagnosis.systems.patchwise.training_inputs import (
    evenly_placed,
    lungs_and_labels,
    lungs_in,
    parted,
    study_input,
    truth_as_number,
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
    places. ``smoothing`` of the classes told apart by the second network: some studies look like the other
    one."""

    variants: int = 2
    smoothing: float = 0.1


SMALL_HEADS = replace(
    SMALL,
    settings=replace(
        SMALL.settings, steps=2000, learning_rate=1e-3, weight_decay=0.1, warm_up=40, validate_every=50,
        checkpoint_every=100,
    ),
    scans=9, lungs=6,
)  # fmt: skip


class LungFeatures(NamedTuple):
    """Of some lungs of a study: ``final`` float16 ``[n, 385, y, x]`` of every coarse patch, and ``own`` int64
    ``[n]``, the labels of `lungs_by_voxels`."""

    final: NDArray[np.float16]
    own: Tensor


class TaughtHeads(PatchwiseNetworks):
    """Both networks while attention and lung heads are taught from features."""

    def __init__(self, pooling: Pooling) -> None:
        super().__init__(pooling=pooling)
        self.requires_grad_(False)
        for network in (self.diseased, self.covid):
            network.attention.requires_grad_(True)
            network.lung.requires_grad_(True)

    def forward(self, final: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits ``[n, 2]`` of lungs with these features ``[n, 385, y, x]``, of the first and of the
        second network, and logits ``[n, 2, y, x]`` of coarse patches."""
        not_needed = final.new_empty(0)
        features = Features(final, not_needed, not_needed)
        self.diseased.coarse.eval()  # type: ignore[union-attr]  # it stays as it is: no dropout
        coarse = self.diseased.coarse(final)  # type: ignore[misc]
        return self.diseased.judge(features).logits, self.covid.judge(features).logits, coarse


class HeadsTask:
    """Trains the heads; healthy, COVID-19 and other scans are drawn equally often."""

    system = "patchwise"
    weights_name = "patchwise"
    network_name = (
        "patch networks (Ghavami Modegh et al., 2020/21): features taught by voxels, the second network's "
        "taken from the first; attention and lung heads by classes"
    )
    headline = "auc"

    def __init__(
        self, studies: LabelledStudies, cache: Path, schedule: DiseasedSchedule = SMALL_HEADS,
        fixed: FixedFeatures = FixedFeatures(),
    ) -> None:  # fmt: skip
        """Raises RefusedInput: a part without healthy studies, without COVID-19 or without other diseases."""
        self.schedule, self.settings = schedule, schedule.settings
        self.config: Mapping[str, Any] = config_of(schedule)
        self._cache, self._fixed = cache, fixed
        self._train = _groups(studies, "train")
        self._validation = list(chain(*_groups(studies, "validation")))
        self._calibrating = looked_at(sorted(self._validation, key=lambda one: str(one.class_name)), schedule)
        self._features: Mapping[str, Sequence[LungFeatures]] = {}

    def network(self) -> nn.Module:
        """Return new networks."""
        return TaughtHeads(self.schedule.pooling)

    def started(self, network: nn.Module, taught: bool) -> None:
        """Give the second network the first one's features, and compute those of every study.

        Raises RefusedInput (code no_backbone) when they are random ones.
        """
        if not taught:
            raise RefusedInput(
                "no_backbone",
                "The heads need taught features: give weights of the network fine with --start.",
            )
        networks: PatchwiseNetworks = network.eval()  # type: ignore[assignment]
        networks.covid.features.load_state_dict(networks.diseased.features.state_dict())
        version = digest_of(networks.covid.features)
        found = {}
        for volume in chain(*self._train):
            found[volume.study] = [
                self._lungs(networks, volume, version, self.schedule.lungs, variant)
                for variant in range(self._fixed.variants)
            ]
        for volume in self._validation:
            found[volume.study] = [self._lungs(networks, volume, version, PAPER_LUNGS, variant=0)]
        self._features = found

    def batch(self, draws: Draws) -> Batch:
        """Return ``shown`` float32 ``[b * n, 385, y, x]``; of lungs ``own`` ``[b, n]`` as `lung_loss` takes
        it and ``concordant`` (0 or 1) ``[b * n]``; of scans int64 ``[b]`` ``diseased`` and ``covid``, -1
        where it is not asked."""
        shown, own, volumes = [], [], []
        first = int(draws.numpy.integers(len(self._train)))
        for number in (first + np.arange(self.schedule.scans)) % len(self._train):
            group = self._train[number]
            volume = group[int(draws.numpy.integers(len(group)))]
            variants = self._features[volume.study]
            lungs = variants[int(draws.numpy.integers(len(variants)))]
            shown.append(lungs.final)
            own.append(lungs.own)
            volumes.append(volume)
        concordant = [float(volume.class_name in ("NP", COVID)) for volume in volumes]
        batch = {
            "shown": torch.from_numpy(np.concatenate(shown)).float(),
            "own": torch.stack(own),
            "concordant": torch.tensor(concordant).repeat_interleave(self.schedule.lungs),
            "diseased": torch.tensor([truth_as_number(DISEASED, volume) for volume in volumes]),
            "covid": torch.tensor([truth_as_number(COVID_GIVEN_DISEASED, volume) for volume in volumes]),
        }
        return {name: value.to(draws.device) for name, value in batch.items()}

    def losses(self, network: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Return the losses of lungs by the first and by the second network, and of concordance."""
        first, second, coarse = (value.float() for value in network(batch["shown"]))
        scans = (self.schedule.scans, self.schedule.lungs, 2)
        return {
            "diseased": lung_loss(first.reshape(scans), batch["diseased"], batch["own"]),
            "covid": lung_loss(
                second.reshape(scans), batch["covid"], smoothing=self._fixed.smoothing
            ),
            "concordance": concordance_loss(first, coarse, batch["concordant"]),
        }  # fmt: skip

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return AUC over the validation part of both networks and their mean, and cross-entropies.

        A scan is as likely as the mean of the likeliest 30 % of PAPER_LUNGS of its lungs.
        """
        device = next(network.parameters()).device
        found = []
        for volume in self._validation:
            final = torch.from_numpy(np.asarray(self._features[volume.study][0].final)).to(device).float()
            found.append([likeliest(logits) for logits in network(final)[:2]])
        metrics: dict[str, float] = {}
        for place, (name, key) in enumerate((("diseased", DISEASED), ("covid", COVID_GIVEN_DISEASED))):
            truth = np.array([truth_as_number(key, volume) for volume in self._validation])
            asked = truth >= 0
            read = read_answers(truth[asked] == 1, np.array(found)[asked, place])
            metrics[f"{name}_auc"] = read["auc"]
            metrics[f"{name}_cross_entropy"] = read["cross_entropy"]
        return {"auc": (metrics["diseased_auc"] + metrics["covid_auc"]) / 2, **metrics}

    def calibrated(self, network: nn.Module) -> Mapping[str, Any]:
        """Return operating points and scales of the maps, read from the validation part."""
        return answers(network, self._calibrating, self.schedule, self._cache)  # type: ignore[arg-type]

    def _lungs(
        self, networks: PatchwiseNetworks, volume: LabelledVolume, version: str, count: int, variant: int
    ) -> LungFeatures:
        """Features of ``count`` lungs at even distances; variant 0 is the study as it is."""
        ranges, draws = None, None
        if variant:
            digits = int(volume.arrays[CT].path.stem[:8], 16)
            ranges = self.schedule.ranges
            draws = Draws(np.random.default_rng([digits, variant]), torch.device("cpu"))
        size = self.schedule.size
        planes = study_input(volume, size, self._cache)
        crops = evenly_placed(lungs_in(planes, size.side), count, draws)
        image, taught = lungs_and_labels(volume, planes, crops, size.side, draws, ranges)
        name = f"{volume.arrays[CT].path.stem}.patch-features.{version}.{count}.{variant}.npy"
        final = kept(self._cache / name, lambda: _features_of(networks, image), mapped=True)
        return LungFeatures(final, lungs_by_voxels(taught))


def task(studies: LabelledStudies, cache: Path, schedule: str) -> HeadsTask:
    """Return what ``train patchwise --network heads`` trains. Raises RefusedInput as HeadsTask does."""
    if schedule == "paper":
        raise RefusedInput(
            "no_schedule", "The paper trains the second network from images: train the network covid."
        )
    return HeadsTask(studies, cache, SMALL_HEADS)


def _groups(studies: LabelledStudies, part: Split) -> tuple[list[LabelledVolume], ...]:
    """The healthy studies of a part, those with another disease, and those with COVID-19."""
    healthy, _ = parted(studies.part(part), DISEASED, part)
    return healthy, *parted(studies.part(part), COVID_GIVEN_DISEASED, part)


def _features_of(networks: PatchwiseNetworks, image: Tensor) -> NDArray[np.float16]:
    like = next(networks.parameters())
    with torch.no_grad():
        final = networks.covid.features(image.to(like.device)).final
    return np.asarray(final.cpu().numpy(), dtype=np.float16)
