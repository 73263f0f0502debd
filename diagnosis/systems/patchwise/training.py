"""Training of the first patch network, diseased or healthy (Ghavami Modegh et al., section 2.7)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from diagnosis.evaluation.predictions import COVID, DISEASED
from diagnosis.systems.calibrating import read_answers
from diagnosis.systems.patchwise.losses import (
    TOP_PART,
    concordance_loss,
    lung_loss,
    patch_loss,
    pointer_loss,
    type_loss,
)
from diagnosis.systems.patchwise.network import POSITIVE, PatchwiseNetworks, Pooling
from diagnosis.systems.patchwise.patch_labels import (
    COARSE_DENSITY,
    Teaching,
    lungs_by_voxels,
    patch_labels,
    shares_of,
)
from diagnosis.systems.patchwise.patches import coarse_patches
from diagnosis.systems.patchwise.preprocessing import PAPER_SIZE, InputSize
from diagnosis.systems.patchwise.training_inputs import (
    FOR_PHANTOMS,
    evenly_placed,
    lungs_and_labels,
    lungs_in,
    parted,
    study_input,
    truth_as_number,
)
from diagnosis.systems.study_outlines import LESION_VALUES
from diagnosis.training.augmentation import Draws, Ranges
from diagnosis.training.labelled import LabelledStudies, LabelledVolume
from diagnosis.training.sampling import evenly
from diagnosis.training.task import Batch, Settings

THIRD_BLOCK = 3
"""Convolutions of the third block, as in Table 1."""
PAPER_EPOCHS = 500
PAPER_SCANS, PAPER_LUNGS = 6, 10
"""Scans of a batch, and lungs of each."""
_TYPE_CHANNELS = slice(256, 256 + len(LESION_VALUES))
"""Of the features of a patch: the first that say what surrounds it."""
_TYPE_OFFSET = 4.0
"""A feature of 0, the least there is, means a share of about 2 %."""
_POSITIVE_WEIGHT = 4.0
"""Of patches with a lesion against those without, which are far more."""


@dataclass(frozen=True, slots=True)
class DiseasedSchedule:
    """How the first network is trained. ``scans`` in a batch, ``lungs`` of each.

    ``density`` from which on a coarse patch is infected. ``patch_weight`` of the patch loss;
    ``heaviest`` an infected patch may weigh. With ``by_voxels`` lungs whose voxels are known bear a label of
    their own, and features are taught lesion types. ``ranges`` of the augmentation, None for none.
    ``pooling`` as `PatchNetwork` takes it. ``validated``: studies of the validation part to look at, at even
    distances; None for all. ``thresholds_chosen``: patches are infected from the probabilities on that
    measure the validation part best, not from 0.5.
    """

    settings: Settings
    size: InputSize
    scans: int
    lungs: int
    density: float = COARSE_DENSITY
    patch_weight: float = 0.01
    heaviest: float = math.inf
    by_voxels: bool = False
    ranges: Ranges | None = None
    pooling: Pooling = "sum"
    validated: int | None = None
    thresholds_chosen: bool = False


SMALL_SIZE = InputSize(96, "closed", 8.0)
"""Three eighths of the published sides, slices of about 10 mm; closed lungs, where consolidation counts."""
SMALL = DiseasedSchedule(
    Settings(
        steps=2000, learning_rate=6e-4, weight_decay=0.02, warm_up=40, validate_every=500,
        checkpoint_every=50, bfloat16=False, channels_last=False,
    ),
    SMALL_SIZE, scans=3, lungs=2, density=0.1, patch_weight=1.0, heaviest=10.0, by_voxels=True,
    ranges=FOR_PHANTOMS, pooling="mean", validated=36, thresholds_chosen=True,
)  # fmt: skip
"""A patch is infected from a tenth on, so that a lesion of two centimetres makes one. The mean of weighed
features, because a sum over all patches needs far smaller steps than the hour allows."""


def paper(studies: int) -> DiseasedSchedule:
    """Return the published schedule: Adam 1e-4, 6 scans of 10 lungs a step, 500 epochs, no augmentation."""
    steps = math.ceil(studies / PAPER_SCANS)
    settings = Settings(
        steps=PAPER_EPOCHS * steps, learning_rate=1e-4, optimiser="adam", cosine=False, clip_norm=math.inf,
        validate_every=steps, checkpoint_every=200,
    )  # fmt: skip
    return DiseasedSchedule(settings, PAPER_SIZE, PAPER_SCANS, PAPER_LUNGS)


class TaughtDiseased(PatchwiseNetworks):
    """Both networks while the first one is taught, without its fine head; the rest stays as it began."""

    def __init__(self, pooling: Pooling) -> None:
        super().__init__(pooling=pooling)
        self.requires_grad_(False)
        self.diseased.requires_grad_(True)
        self.diseased.fine.requires_grad_(False)  # type: ignore[union-attr]

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits of lungs ``[n, 2]`` and coarse patches ``[n, 2, y, x]``, and logits of the shares of
        LESION_VALUES around each patch ``[n, 7, y, x]``."""
        features = self.diseased.features(image)
        coarse = self.diseased.coarse(features.final)  # type: ignore[misc]
        return self.diseased.judge(features).logits, coarse, features.final[:, _TYPE_CHANNELS] - _TYPE_OFFSET


class DiseasedTask:
    """Trains the first network; healthy, COVID-19 and other scans are drawn equally often."""

    system = "patchwise"
    weights_name = "patchwise-diseased"
    network_name = "first patch network (Ghavami Modegh et al., 2020/21): diseased or healthy"
    headline = "auc"

    def __init__(self, studies: LabelledStudies, cache: Path, schedule: DiseasedSchedule = SMALL) -> None:
        """Inputs are kept in ``cache``. Raises RefusedInput: a part without healthy or diseased studies."""
        self.schedule, self.settings = schedule, schedule.settings
        self.config: Mapping[str, Any] = config_of(schedule)
        self._cache = cache
        healthy, diseased = parted(studies.part("train"), DISEASED, "train")
        covid = [volume for volume in diseased if volume.class_name == COVID]
        other = [volume for volume in diseased if volume.class_name != COVID]
        unclassed = [volume for volume in studies.part("train") if volume.class_name is None]
        self._groups = [group for group in (healthy, covid, other, unclassed) if group]
        well, ill = parted(studies.part("validation"), DISEASED, "validation")
        self._validation = looked_at([*well, *ill], schedule)
        self._truth = np.array([truth_as_number(DISEASED, volume) == 1 for volume in self._validation])

    def network(self) -> nn.Module:
        """Return new networks."""
        return TaughtDiseased(self.schedule.pooling)

    def batch(self, draws: Draws) -> Batch:
        """Return ``image`` float32 ``[b * n, 4, y, x]``, the parts of `Teaching`, and ``concordant`` (0 or 1)
        ``[b * n]``: lungs of healthy scans and of COVID-19."""
        return drawn_batch(self._groups, self.schedule, self._cache, draws)

    def losses(self, network: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Return the losses of lungs, concordance, coarse patches and pointers; with voxels of types too."""
        schedule = self.schedule
        lungs, coarse, types = (value.float() for value in network(batch["image"]))
        taught = Teaching(*(batch[name] for name in Teaching._fields))
        scans = lungs.reshape(schedule.scans, schedule.lungs, -1)
        own = lungs_by_voxels(taught).reshape(scans.shape[:2]) if schedule.by_voxels else None
        label = taught.diseased.reshape(scans.shape[:2])[:, 0]
        patches = coarse.reshape(*scans.shape[:2], *coarse.shape[1:])
        look = taught.look.reshape(*scans.shape[:2], *taught.look.shape[1:])
        large, weight = coarse_patches(schedule.size.side), schedule.patch_weight
        losses = {
            "lungs": lung_loss(scans, label, own),
            "concordance": concordance_loss(lungs, coarse, batch["concordant"]),
            "patches": weight * patch_loss(
                coarse, patch_labels(taught, large, schedule.density), schedule.heaviest
            ),
            "pointers": weight * pointer_loss(patches, look),
        }  # fmt: skip
        if schedule.by_voxels:
            shares, known = shares_of(taught.truth, LESION_VALUES, large)
            losses["types"] = type_loss(types, shares, known, _POSITIVE_WEIGHT)
        return losses

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return AUC, accuracy and cross-entropy of scans, and Dice of infected coarse patches.

        A scan is as diseased as the mean of the likeliest 30 % of PAPER_LUNGS of its lungs.
        """
        device = next(network.parameters()).device
        found, both, total = [], 0.0, 0.0
        large = coarse_patches(self.schedule.size.side)
        for volume in self._validation:
            image, taught = even_lungs(volume, self.schedule.size, self._cache)
            lungs, coarse, _ = network(image.to(device))
            found.append(likeliest(lungs))
            labels = patch_labels(taught, large, self.schedule.density)
            infected = (labels.infected > 0) & labels.counted & ~labels.semi
            seen = (coarse.float().softmax(dim=1)[:, POSITIVE] > 0.5).cpu() & labels.counted & ~labels.semi
            both += float((seen & infected).sum())
            total += float(seen.sum() + infected.sum())
        return {**read_answers(self._truth, np.array(found)), "infected_dice": 2 * both / max(1.0, total)}


def looked_at(volumes: Sequence[LabelledVolume], schedule: DiseasedSchedule) -> list[LabelledVolume]:
    """Return the studies of a validation part, sorted by class, that the schedule looks at."""
    return evenly(volumes, len(volumes) if schedule.validated is None else schedule.validated)


def config_of(schedule: DiseasedSchedule) -> dict[str, Any]:
    """Return what the header must say of networks that were trained so."""
    return {"third_block": THIRD_BLOCK, "pooling": schedule.pooling, "input": asdict(schedule.size)}


def drawn_batch(
    groups: list[list[LabelledVolume]], schedule: DiseasedSchedule, cache: Path, draws: Draws
) -> Batch:
    """Draw a batch as `DiseasedTask.batch` says, every group as often as the next; ``group`` int64 ``[b]`` is
    that of each scan."""
    side = schedule.size.side
    first = int(draws.numpy.integers(len(groups)))
    images: list[Tensor] = []
    known: list[Teaching] = []
    concordant: list[float] = []
    drawn = (first + np.arange(schedule.scans)) % len(groups)
    for number in drawn:
        group = groups[number]
        volume = group[int(draws.numpy.integers(len(group)))]
        planes = study_input(volume, schedule.size, cache)
        crops = evenly_placed(lungs_in(planes, side), schedule.lungs, draws)
        image, taught = lungs_and_labels(volume, planes, crops, side, draws, schedule.ranges)
        images.append(image)
        known.append(taught)
        concordant += [float(volume.class_name in ("NP", COVID))] * len(crops)
    parts = {
        name: torch.cat(values).to(draws.device)
        for name, values in zip(Teaching._fields, zip(*known, strict=True), strict=True)
    }
    return {
        "image": torch.cat(images).to(draws.device), **parts,
        "concordant": torch.tensor(concordant, device=draws.device),
        "group": torch.from_numpy(drawn).to(draws.device),
    }  # fmt: skip


def even_lungs(volume: LabelledVolume, size: InputSize, cache: Path) -> tuple[Tensor, Teaching]:
    """Return PAPER_LUNGS lungs of a study at even distances, as they are, and what is known of them."""
    planes = study_input(volume, size, cache)
    crops = evenly_placed(lungs_in(planes, size.side), PAPER_LUNGS)
    return lungs_and_labels(volume, planes, crops, size.side)


def likeliest(logits: Tensor) -> float:
    """Return the mean probability of the likeliest 30 % of lungs ``[n, 2]``: those that bear the label."""
    probabilities = logits.float().softmax(dim=1)[:, POSITIVE]
    return float(probabilities.topk(math.ceil(TOP_PART * len(probabilities))).values.mean())


def task(studies: LabelledStudies, cache: Path, schedule: str) -> DiseasedTask:
    """Return what ``train patchwise --network diseased`` trains. Raises RefusedInput as DiseasedTask does."""
    return DiseasedTask(studies, cache, SMALL if schedule == "small" else paper(len(studies.part("train"))))
