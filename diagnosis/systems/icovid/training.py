"""Training of icovid's classifier (Berenguer et al., 2020, sections 4.2.2 and 5.1), published and small."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from diagnosis.systems.calibrating import read_answers
from diagnosis.systems.icovid.calibration import answers
from diagnosis.systems.icovid.configuration import AUTOENCODER, autoencoder_configuration_of
from diagnosis.systems.icovid.cvae import CVAE
from diagnosis.systems.icovid.cvae_training import SMALL_SIZE, with_open_gate
from diagnosis.systems.icovid.network import COVID, SPP_TEXT, ICovid, Side
from diagnosis.systems.icovid.preprocessing import PAPER_SIZE, InputSize, as_tensor
from diagnosis.systems.icovid.training_inputs import augmented, in_use, study_input
from diagnosis.systems.study_classes import is_covid, sides
from diagnosis.training.augmentation import Draws
from diagnosis.training.labelled import LabelledStudies
from diagnosis.training.losses import focal_loss
from diagnosis.training.task import Batch, Settings
from diagnosis.weight_files import bad, read_header
from diagnosis.weights import load_weights

FIRST = "cvae"
"""The network whose weights this one begins with."""
PAPER_EPOCHS = 200
PAPER_WEIGHTS = (0.25, 0.35)
"""Of scans without and with COVID-19 in the loss (section 5.1)."""
PAPER_GAMMA = 5.0
_PATIENCE = 20
"""Epochs without gain after which training stops; the paper says "early stopping" and no number."""


@dataclass(frozen=True, slots=True)
class ICovidSchedule:
    """``published``: nothing is moved, degraded or disturbed. ``slices``: at most so many of a scan go
    through the network at a step (None: all). ``weights`` and ``gamma`` as `focal_loss` takes them."""

    settings: Settings
    size: InputSize
    side: Side = "lesions"
    spp: tuple[int, ...] = SPP_TEXT
    weights: tuple[float, float] = PAPER_WEIGHTS
    gamma: float = PAPER_GAMMA
    slices: int | None = None
    published: bool = False


SMALL = ICovidSchedule(
    Settings(
        steps=1500, learning_rate=2e-4, weight_decay=0.01, warm_up=50, validate_every=150,
        checkpoint_every=150, bfloat16=False,
    ),
    SMALL_SIZE,
    weights=(1.0, 1.0),
    gamma=1.0,
    slices=16,
)  # fmt: skip


def paper(studies: int) -> ICovidSchedule:
    """Return the published schedule: Adam 1e-5 with a penalty of 1e-5, 200 epochs, one scan a step (the batch
    is not published), no augmentation."""
    settings = Settings(
        steps=PAPER_EPOCHS * studies, learning_rate=1e-5, optimiser="adam", l2=1e-5, cosine=False,
        clip_norm=math.inf, validate_every=studies, checkpoint_every=200, patience=_PATIENCE,
    )  # fmt: skip
    return ICovidSchedule(settings, PAPER_SIZE, published=True)


class ICovidTask:
    """Trains `ICovid` on the class of whole studies: COVID-19 against everything else.

    Both sides are drawn equally often in short; as published every study is, whatever its side.
    """

    system = "icovid"
    weights_name = "icovid"
    network_name = "icovid classifier (Berenguer et al., 2020, Figure 4)"
    headline = "auc"

    def __init__(self, studies: LabelledStudies, cache: Path, schedule: ICovidSchedule = SMALL) -> None:
        """Inputs are kept in ``cache``. Raises RefusedInput: a part without studies of both sides."""
        self.schedule, self.settings = schedule, schedule.settings
        self.config: Mapping[str, Any] = config_of(schedule.side, schedule.spp, schedule.size)
        self._cache = cache
        self._sides = sides(studies.part("train"), "train")
        negative, positive = sides(studies.part("validation"), "validation")
        self._validation = [*negative, *positive]

    def network(self) -> nn.Module:
        """Return a new network with branches as `with_open_gate` begins them."""
        network = ICovid(self.schedule.side, self.schedule.spp)
        with_open_gate(network.encoder)
        return network

    def transfer(self, network: nn.Module, start: Path) -> None:
        """Take both branches from weights of the CVAE, or everything from weights of a classifier."""
        transfer(network, start)

    def batch(self, draws: Draws) -> Batch:
        """Return slices of one scan as ``image`` ``[n, channels, y, x]``, and its ``target`` ``[1]``."""
        if self.schedule.published:
            everyone = [*self._sides[0], *self._sides[1]]
            volume = everyone[int(draws.numpy.integers(len(everyone)))]
        else:
            studies = self._sides[int(draws.numpy.integers(2))]
            volume = studies[int(draws.numpy.integers(len(studies)))]
        given = torch.from_numpy(study_input(volume, self.schedule.size, self._cache)).to(draws.device)
        if self.schedule.slices is not None and given.shape[1] > self.schedule.slices:
            given = given[:, _every(given.shape[1], self.schedule.slices, draws)]
        if self.schedule.published:
            image = as_tensor(given[:2], self.schedule.side)
        else:
            image = augmented(given, self.schedule.side, draws)[0]
        return {"image": image, "target": torch.tensor([int(is_covid(volume))], device=draws.device)}

    def losses(self, network: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Return the focal loss."""
        logits = network(batch["image"]).float()
        weights = torch.tensor(self.schedule.weights, device=logits.device)
        return {"focal": focal_loss(logits, batch["target"], weights, self.schedule.gamma)}

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return AUC, accuracy at 0.5 and cross-entropy over the validation part, lesions as in use."""
        device = next(network.parameters()).device
        found = []
        for volume in self._validation:
            lesions = in_use(self.schedule.side)
            given = study_input(volume, self.schedule.size, self._cache, lesions)[:2]
            logits = network(as_tensor(given, self.schedule.side).to(device))
            found.append(float(logits.float().softmax(dim=1)[0, COVID]))
        return read_answers(np.array([is_covid(volume) for volume in self._validation]), np.array(found))

    def calibrated(self, network: nn.Module) -> Mapping[str, Any]:
        """Return operating point and scales of the maps, read from the validation part."""
        return answers(network, self._validation, self.schedule.side, self.schedule.size, self._cache)  # type: ignore[arg-type]


def task(studies: LabelledStudies, cache: Path, schedule: str) -> ICovidTask:
    """Return what ``train icovid --network icovid`` trains. Raises RefusedInput as ICovidTask does."""
    return ICovidTask(studies, cache, SMALL if schedule == "small" else paper(len(studies.part("train"))))


def config_of(side: Side, spp: tuple[int, ...], size: InputSize) -> dict[str, Any]:
    """Return what the header of a classifier says of its network and input."""
    return {"side_information": side, "spp": list(spp), "input": asdict(size)}


def transfer(network: nn.Module, start: Path) -> None:
    """Take both branches from weights of the CVAE, or everything from weights of a classifier.

    Raises RefusedInput (``bad_weights``) also when the autoencoder has other side information.
    """
    header = read_header(start)
    if header.get("config", {}).get("network") != AUTOENCODER:
        load_weights(start, network, "icovid")
        return
    given = autoencoder_configuration_of(start, header)
    taught = CVAE(given.side, given.size.side, given.prior)
    load_weights(start, taught, "icovid")
    branches = taught.encoder.state_dict()
    if branches.keys() != network.encoder.state_dict().keys():  # type: ignore[union-attr]
        raise bad(start, "they were taught with other side information")
    network.encoder.load_state_dict(branches)  # type: ignore[union-attr]


def _every(count: int, wanted: int, draws: Draws) -> list[int]:
    """Slices at even distances, begun anywhere."""
    start = float(draws.numpy.uniform(0, count / wanted))
    return [int(start + index * count / wanted) for index in range(wanted)]
