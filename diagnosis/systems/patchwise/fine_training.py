"""Training of the fine head, everything else fixed (Ghavami Modegh et al., section 2.7.2 and 2.7.4)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from diagnosis.systems.patchwise.losses import patch_loss
from diagnosis.systems.patchwise.network import POSITIVE, PatchwiseNetworks, Pooling
from diagnosis.systems.patchwise.patch_labels import (
    FINE_DENSITY,
    PatchLabels,
    Teaching,
    covered,
    patch_labels,
)
from diagnosis.systems.patchwise.patches import FINE
from diagnosis.systems.patchwise.training import (
    SMALL,
    DiseasedSchedule,
    DiseasedTask,
    even_lungs,
    paper,
)
from diagnosis.training.labelled import LabelledStudies
from diagnosis.training.task import Batch

FIRST = "diseased"
"""The network whose weights this one begins with."""
PAPER_SCANS, PAPER_LUNGS = 14, 2
SMALL_FINE = replace(
    SMALL,
    settings=replace(
        SMALL.settings, steps=600, learning_rate=1e-3, warm_up=20, validate_every=200, checkpoint_every=50
    ),
    lungs=2,
)


class TaughtFine(PatchwiseNetworks):
    """Both networks while the fine head is taught; everything else stays as it began."""

    def __init__(self, pooling: Pooling) -> None:
        super().__init__(pooling=pooling)
        self.requires_grad_(False)
        self.diseased.fine.requires_grad_(True)  # type: ignore[union-attr]

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of coarse and fine patches."""
        with torch.no_grad():
            features = self.diseased.features(image)
            self.diseased.coarse.eval()  # type: ignore[union-attr]  # its dropout would make labels waver
            coarse = self.diseased.coarse(features.final)  # type: ignore[misc]
        return coarse, self.diseased.fine(features)  # type: ignore[misc]


class FineTask(DiseasedTask):
    """Trains the fine head of the first network."""

    weights_name = "patchwise-fine"
    network_name = "fine head of the first patch network"
    headline = "infected_dice"

    def network(self) -> nn.Module:
        """Return new networks."""
        return TaughtFine(self.schedule.pooling)

    def losses(self, network: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Return the weighted cross-entropy of fine patches."""
        coarse, fine = (value.float() for value in network(batch["image"]))
        taught = Teaching(*(batch[name] for name in Teaching._fields))
        labels = fine_labels(taught, coarse)
        return {"fine_patches": patch_loss(fine, labels, self.schedule.heaviest)}

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return Dice of infected fine patches over the lungs of the validation part, alone and where coarse
        patches agree."""
        device = next(network.parameters()).device
        counts = torch.zeros(2, 2)
        for volume in self._validation:
            image, taught = even_lungs(volume, self.schedule.size, self._cache)
            coarse, fine = (value.float().cpu() for value in network(image.to(device)))
            labels = fine_labels(taught, coarse)
            infected = (labels.infected > 0) & labels.counted
            seen = (fine.softmax(dim=1)[:, POSITIVE] > 0.5) & labels.counted
            both = seen & covered(coarse.softmax(dim=1)[:, POSITIVE] > 0.5, FINE)
            for index, found in enumerate((seen, both)):
                counts[index] += torch.stack([2 * (found & infected).sum(), found.sum() + infected.sum()])
        alone, agreed = (counts[:, 0] / counts[:, 1].clamp_min(1.0)).tolist()
        return {"infected_dice": agreed, "fine_alone_dice": alone}


def fine_labels(taught: Teaching, coarse: Tensor) -> PatchLabels:
    """Return the labels of fine patches: semi-infection labels only where a coarse patch agrees.

    ``coarse`` are logits ``[n, 2, y, x]``. Voxels that were judged need no agreement.
    """
    labels = patch_labels(taught, FINE, FINE_DENSITY)
    agreed = covered(coarse.detach().softmax(dim=1)[:, POSITIVE] > 0.5, FINE)
    return labels._replace(infected=torch.where(labels.semi & ~agreed, 0.0, labels.infected))


def fine_paper(studies: int) -> DiseasedSchedule:
    """Return the published schedule: Adam 1e-5, 14 scans of 2 lungs a step; as many epochs as before, since
    the paper names none."""
    steps = math.ceil(studies / PAPER_SCANS)
    whole = paper(studies)
    epochs = whole.settings.steps // whole.settings.validate_every
    settings = replace(whole.settings, steps=epochs * steps, learning_rate=1e-5, validate_every=steps)
    return replace(whole, settings=settings, scans=PAPER_SCANS, lungs=PAPER_LUNGS)


def task(studies: LabelledStudies, cache: Path, schedule: str) -> FineTask:
    """Return what ``train patchwise --network fine`` trains. Raises RefusedInput as DiseasedTask does."""
    chosen = SMALL_FINE if schedule == "small" else fine_paper(len(studies.part("train")))
    return FineTask(studies, cache, chosen)
