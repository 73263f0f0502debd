"""Pre-training of icovid's branches as encoder of a conditional VAE (Berenguer et al., 2020, section 4.2.1).

The paper trains it for 200 epochs. On a CPU that ends before the features know what a lesion is, so the
small schedule also teaches them by voxels: the first features are to be the share of each lesion type in
their cell. It is a deviation from the paper and says so in the card.
"""

from __future__ import annotations

import math
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
from diagnosis.results import ATELECTASIS, INFECTED_VALUES, NODULE
from diagnosis.systems.icovid.configuration import AUTOENCODER
from diagnosis.systems.icovid.cvae import CVAE, Encoded, Prior
from diagnosis.systems.icovid.network import REDUCTION, Encoder, Side
from diagnosis.systems.icovid.preprocessing import PAPER_SIZE, InputSize, as_tensor
from diagnosis.systems.icovid.training_inputs import augmented, disturbed, study_input
from diagnosis.systems.study_classes import is_covid
from diagnosis.systems.study_outlines import UNKNOWN
from diagnosis.training.augmentation import Draws
from diagnosis.training.labelled import LabelledStudies, LabelledVolume
from diagnosis.training.task import Batch, Settings

PAPER_EPOCHS = 200
TAUGHT_VALUES = (*INFECTED_VALUES, NODULE, ATELECTASIS)
"""Lesion values that the first features stand for, in this order. Effusion lies outside the lungs."""
VOXELS = "voxels"
DEVIATION = 0.1
"""Standard deviation of the Gaussian of a pixel: 140 HU. With 1 no latent variable is worth its cost."""
_POSITIVE_WEIGHT = 4.0
"""Of cells with lesion against those without, which are far more."""
_OFFSET = 3.0
"""A feature of 0, the least there is, means a share of about 5 %."""
_KNOWN = 0.7
"""Part of a cell that must be known for the cell to count."""
_FOUND = 0.25
"""Share of infected pixels from which a cell counts as infected when Dice is measured."""


@dataclass(frozen=True, slots=True)
class CVAESchedule:
    """``voxels``: weight of the loss that teaches lesions by voxels; 0 as published, then nothing is moved,
    degraded or disturbed either. A step sees ``studies`` scans, of each every so-many-th slice."""

    settings: Settings
    size: InputSize
    side: Side = "lesions"
    prior: Prior = "normal"
    voxels: float = 0.0
    studies: int = 1


SMALL_SIZE = InputSize(128, 9.0)
"""Half the published side, a third of the slices: a twelfth of the published operations."""
SMALL = CVAESchedule(
    Settings(
        steps=800, learning_rate=2e-3, weight_decay=1e-4, warm_up=30, validate_every=200,
        checkpoint_every=100, bfloat16=False,
    ),
    SMALL_SIZE,
    voxels=1.0,
    studies=2,
)  # fmt: skip


def paper(studies: int) -> CVAESchedule:
    """Return the published schedule: Adam 5e-3, 200 epochs; one scan a step (the batch is not published)."""
    settings = Settings(
        steps=PAPER_EPOCHS * studies, learning_rate=5e-3, optimiser="adam", cosine=False, clip_norm=math.inf,
        validate_every=studies, checkpoint_every=200,
    )  # fmt: skip
    return CVAESchedule(settings, PAPER_SIZE)


class TaughtCVAE(CVAE):
    """The autoencoder, giving the gated features too: with voxel truth they are taught as well."""

    def forward(self, image: Tensor, labels: Tensor) -> tuple[Tensor, Encoded, Tensor]:  # type: ignore[override]
        """Return the CT of the slices ``[n, 1, y, x]``, the Gaussians and the gated features."""
        features = self.encoder(image)
        encoded = self.gaussians(features, labels)
        return self.decode(encoded.sample()), encoded, features


class CVAETask:
    """Trains `CVAE` on the slices of classed studies: the CT from CT, lesions and class."""

    system = "icovid"
    weights_name = "icovid-cvae"
    network_name = "conditional VAE (Berenguer et al., 2020, Figure 3)"

    def __init__(self, studies: LabelledStudies, cache: Path, schedule: CVAESchedule = SMALL) -> None:
        """Inputs are kept in ``cache``.

        Raises RefusedInput (code nothing_to_learn): a part without classes, or without outlines that teach.
        """
        self.schedule, self.settings = schedule, schedule.settings
        self.headline = "infected_dice" if schedule.voxels else "explained"
        self.config: Mapping[str, Any] = {
            "network": AUTOENCODER, "side_information": schedule.side, "prior": schedule.prior,
            "input": asdict(schedule.size), "deviation": DEVIATION,
        }  # fmt: skip
        self._cache = cache
        self._train = _usable(studies.part("train"), "train", bool(schedule.voxels))
        self._validation = _usable(studies.part("validation"), "validation", bool(schedule.voxels))

    def network(self) -> nn.Module:
        """Return a new network, branches as `with_open_gate` begins them.

        Pixels begin above 0: below, the last leaky ReLU lets hardly any gradient through.
        """
        network = TaughtCVAE(self.schedule.side, self.schedule.size.side, self.schedule.prior)
        with_open_gate(network.encoder)
        nn.init.constant_(network.decoder[-1].bias, DEVIATION)  # type: ignore[arg-type]
        return network

    def batch(self, draws: Draws) -> Batch:
        """Return ``image`` ``[n, channels, y, x]``, ``label`` int64 ``[n]``, and the cells' truth."""
        images, labels, outlines = [], [], []
        for _ in range(self.schedule.studies):
            volume = self._train[int(draws.numpy.integers(len(self._train)))]
            first = int(draws.numpy.integers(self.schedule.studies))
            given = torch.from_numpy(self._input(volume)[:, first :: self.schedule.studies]).to(draws.device)
            if self.schedule.voxels:
                image, outlined = augmented(given, self.schedule.side, draws)
            else:
                image, outlined = as_tensor(given[:2], self.schedule.side), given[2]
            images.append(image)
            outlines.append(outlined)
            labels += [int(is_covid(volume))] * len(image)
        share, known = cells_of(torch.cat(outlines))
        label = torch.tensor(labels, device=draws.device)
        return {"image": torch.cat(images), "label": label, "share": share, "known": known}

    def losses(self, network: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Return both parts of the variational bound per pixel, times the variance; that by voxels."""
        made, encoded, features = network(batch["image"], batch["label"])
        ct = batch["image"][:, :1]
        pixels = ct[0].numel()
        parts = {
            "reconstruction": 0.5 * functional.mse_loss(made.float(), ct),
            "divergence": DEVIATION**2 * encoded.divergence().float().mean() / pixels,
        }
        if self.schedule.voxels:
            surprise = functional.binary_cross_entropy_with_logits(
                shares_in(features), batch["share"].sqrt(), reduction="none",
                pos_weight=torch.full((len(TAUGHT_VALUES), 1, 1), _POSITIVE_WEIGHT, device=features.device),
            )  # fmt: skip
            counted = batch["known"].sum().clamp_min(1.0)
            parts[VOXELS] = self.schedule.voxels * (surprise * batch["known"]).sum() / counted
        return parts

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return the part of the variance of CT that latent means explain, the divergence in nats per slice,
        and with voxels Dice of infected cells."""
        device = next(network.parameters()).device
        missed = around = apart = slices = both = total = 0.0
        for volume in self._validation:
            given = self._as_found(volume)
            image = as_tensor(given[:2], self.schedule.side).to(device)
            label = torch.full((len(image),), int(is_covid(volume)), device=device)
            features = network.encoder(image)  # type: ignore[operator]
            encoded = network.gaussians(features, label)  # type: ignore[operator]
            ct, made = image[:, :1], network.decode(encoded.mean).float()  # type: ignore[operator]
            missed += float(((made - ct) ** 2).sum())
            around += float(((ct - ct.mean()) ** 2).sum())
            apart += float(encoded.divergence().sum())
            slices += len(image)
            share, known = cells_of(torch.from_numpy(given[2]).to(device))
            likely = shares_in(features).sigmoid().square()[:, : len(INFECTED_VALUES)].sum(dim=1)
            found = (likely >= _FOUND) & (known[:, 0] > 0)
            true = (share[:, : len(INFECTED_VALUES)].sum(dim=1) >= _FOUND) & (known[:, 0] > 0)
            both += float((found & true).sum())
            total += float(found.sum() + true.sum())
        metrics = {"explained": 1 - missed / max(around, 1e-6), "divergence": apart / max(slices, 1.0)}
        return {**metrics, "infected_dice": 2 * both / max(1.0, total)} if self.schedule.voxels else metrics

    def _as_found(self, volume: LabelledVolume) -> NDArray[np.uint8]:
        """The input of a study with lesions disturbed, for ever in the same way."""
        given = self._input(volume)
        if self.schedule.voxels:
            image = torch.from_numpy(given)
            draws = Draws(np.random.default_rng(len(given[0])), torch.device("cpu"))
            given[1] = disturbed(image[1], image[2], image[0] > 0, draws).numpy()
        return given

    def _input(self, volume: LabelledVolume) -> NDArray[np.uint8]:
        return study_input(volume, self.schedule.size, self._cache)


def task(studies: LabelledStudies, cache: Path, schedule: str) -> CVAETask:
    """Return what ``train icovid --network cvae`` trains. Raises RefusedInput as CVAETask does."""
    return CVAETask(studies, cache, SMALL if schedule == "small" else paper(len(studies.part("train"))))


def with_open_gate(encoder: Encoder) -> None:
    """Start both branches by He et al., 2015, and the gate open: without a lesion the side features are 1.

    The start is not published. With torch's own the product of two branches is so small, and without lesions
    so near zero, that hundreds of steps teach nothing.
    """
    for branch in filter(None, (encoder.image, encoder.side)):
        for layer in branch.modules():
            if isinstance(layer, nn.Conv2d) and layer.bias is not None:
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)
    if encoder.side is not None:
        last = [layer for layer in encoder.side.modules() if isinstance(layer, nn.Conv2d)][-1]
        nn.init.ones_(last.bias)  # type: ignore[arg-type]


def shares_in(features: Tensor) -> Tensor:
    """Return logits ``[n, 6, y, x]`` of the shares of TAUGHT_VALUES: the first features, shifted."""
    return features[:, : len(TAUGHT_VALUES)].float() - _OFFSET


def cells_of(outlines: Tensor) -> tuple[Tensor, Tensor]:
    """Return the share of each of TAUGHT_VALUES in every cell of the features, and where it is known.

    ``outlines`` uint8 ``[n, y, x]`` on the input; shares float32 ``[n, 6, y / 4, x / 4]``, known (0 or 1)
    ``[n, 1, y / 4, x / 4]``.
    """
    known = (outlines != UNKNOWN).float()
    masks = torch.stack([(outlines == value).float() for value in TAUGHT_VALUES] + [known], dim=1)
    cells = functional.avg_pool2d(masks, REDUCTION)
    part = cells[:, -1:]
    return cells[:, :-1] / part.clamp_min(1e-3), (part >= _KNOWN).float()


def _usable(volumes: Sequence[LabelledVolume], part: str, outlined: bool) -> list[LabelledVolume]:
    found = [
        volume for volume in volumes
        if volume.class_name is not None and (volume.has("outline") or not outlined)
    ]  # fmt: skip
    if found:
        return found
    wanted = "a class and outlined lesions" if outlined else "a class"
    raise RefusedInput(
        "nothing_to_learn", f"The {part} part of this label folder has no study with {wanted}."
    )
