"""Training of the second patch network, COVID-19 or another disease (Ghavami Modegh et al., section 2.5).

It is trained as the first one, on the diseased alone and without patch heads. What the small schedule usually
trains instead are the heads of both networks on features of the first (`heads_training`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from diagnosis.evaluation.predictions import COVID_GIVEN_DISEASED
from diagnosis.systems.calibrating import read_answers
from diagnosis.systems.patchwise.calibration import answers
from diagnosis.systems.patchwise.losses import lung_loss
from diagnosis.systems.patchwise.network import PatchwiseNetworks, Pooling
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
from diagnosis.systems.patchwise.training_inputs import parted
from diagnosis.training.augmentation import Draws
from diagnosis.training.labelled import LabelledStudies
from diagnosis.training.task import Batch

FIRST = "fine"
"""The network whose weights this one begins with."""
SMALL_COVID = replace(SMALL, scans=2, lungs=3)
"""One scan of either side; as many lungs a step as the first network has."""


class TaughtCovid(PatchwiseNetworks):
    """Both networks while the second one is taught from images; the first stays as it began."""

    def __init__(self, pooling: Pooling) -> None:
        super().__init__(pooling=pooling)
        self.diseased.requires_grad_(False)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits of lungs ``[n, 2]``."""
        return self.covid.judge(self.covid.features(image)).logits


class CovidTask:
    """Trains the second network from images; COVID-19 and other diseases are drawn equally often."""

    system = "patchwise"
    weights_name = "patchwise"
    network_name = "patch networks (Ghavami Modegh et al., 2020/21): diseased or healthy, COVID-19 or other"
    headline = "auc"

    def __init__(self, studies: LabelledStudies, cache: Path, schedule: DiseasedSchedule) -> None:
        """Raises RefusedInput: a part without COVID-19 or without other diseases."""
        self.schedule, self.settings = schedule, schedule.settings
        self.config: Mapping[str, Any] = config_of(schedule)
        self._cache = cache
        self._train = parted(studies.part("train"), COVID_GIVEN_DISEASED, "train")
        other, covid = parted(studies.part("validation"), COVID_GIVEN_DISEASED, "validation")
        self._validation = [*other, *covid]
        self._truth = np.arange(len(self._validation)) >= len(other)
        known = studies.classed("validation")
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
        return {"lungs": lung_loss(logits, batch["covid"])}

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return AUC, accuracy at 0.5 and cross-entropy over the diseased of the validation part, each as
        likely as the mean of the likeliest 30 % of some of its lungs at even distances."""
        device = next(network.parameters()).device
        size = self.schedule.size
        lungs = (even_lungs(volume, size, self._cache)[0] for volume in self._validation)
        found = [likeliest(network(image.to(device))) for image in lungs]
        return read_answers(self._truth, np.array(found))

    def calibrated(self, network: nn.Module) -> Mapping[str, Any]:
        """Return operating points and scales of the maps, read from the validation part."""
        return answers(network, self._calibrating, self.schedule, self._cache)  # type: ignore[arg-type]


def task(studies: LabelledStudies, cache: Path, schedule: str) -> CovidTask:
    """Return what ``train patchwise --network covid`` trains. Raises RefusedInput as CovidTask does."""
    if schedule == "small":
        return CovidTask(studies, cache, SMALL_COVID)
    diseased = [v for v in studies.part("train") if v.class_name not in (None, "NP")]
    return CovidTask(studies, cache, paper(len(diseased)))
