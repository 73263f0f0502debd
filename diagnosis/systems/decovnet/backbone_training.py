"""Teaching DeCoVNet's backbone where lesions are, before its head is taught which study has COVID-19.

The paper learns everything from the class of whole scans, over a hundred epochs on a graphics card. On two
cores that ends before anything is learned. Phantoms know every voxel: here the first features are taught to
be the share of each lesion type in their cell. It is a deviation from the paper and says so in the card.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from diagnosis.geometry import RefusedInput
from diagnosis.results import INFECTED_VALUES
from diagnosis.systems.decovnet.network import REDUCTION, DeCoVNet
from diagnosis.systems.decovnet.preprocessing import InputSize, as_tensor
from diagnosis.systems.decovnet.training_inputs import augmented, study_input
from diagnosis.systems.study_outlines import LESION_VALUES, UNKNOWN
from diagnosis.training.augmentation import Draws
from diagnosis.training.labelled import LabelledStudies
from diagnosis.training.task import Batch, Settings

SMALL_SIZE = InputSize(112, 168, 9.0)
"""Half the published sides, slices of about 9 mm: a twentieth of the published operations."""
POSITIVE_WEIGHT = 4.0
"""Of cells with lesion against those without, which are far more."""
_OFFSET = 4.0
"""A feature of 0, the least there is, means a share of about 2 %."""
_KNOWN = 0.7
"""Part of a cell that must be known for the cell to count."""
_FOUND = 0.25
"""Share of infected voxels from which a cell counts as infected when Dice is measured."""


@dataclass(frozen=True, slots=True)
class BackboneSchedule:
    """``size`` is that of the network that goes on from these weights."""

    settings: Settings
    size: InputSize = SMALL_SIZE


SMALL = BackboneSchedule(
    Settings(
        steps=1200, learning_rate=1e-3, warm_up=30, validate_every=200, checkpoint_every=100, bfloat16=False,
        channels_last=False,
    )
)  # fmt: skip
"""One study a step."""


class BackboneTask:
    """Trains the backbone of `DeCoVNet` on the voxels of outlined lesions; its head stays as it began."""

    system = "decovnet"
    weights_name = "decovnet-backbone"
    network_name = "backbone of DeCoVNet, taught by voxels"
    headline = "infected_dice"

    def __init__(self, studies: LabelledStudies, cache: Path, schedule: BackboneSchedule = SMALL) -> None:
        """Raises RefusedInput: a part without studies that have outlines."""
        self.schedule, self.settings = schedule, schedule.settings
        self.config: Mapping[str, Any] = {"input": asdict(schedule.size)}
        self._cache = cache
        self._train = [volume for volume in studies.part("train") if volume.has("outline")]
        self._validation = [volume for volume in studies.part("validation") if volume.has("outline")]
        if not self._train or not self._validation:
            raise RefusedInput(
                "nothing_to_learn",
                "The train or the validation part of this label folder has no study with outlined lesions: "
                "the backbone can not be taught by voxels. Train the network decovnet, which needs none.",
            )

    def network(self) -> nn.Module:
        """Return a new network."""
        return DeCoVNet().to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload, no-any-return]

    def batch(self, draws: Draws) -> Batch:
        """Return ``image`` float32 ``[1, 2, z, y, x]``, ``share`` and ``known`` as `cells_of` gives them."""
        volume = self._train[int(draws.numpy.integers(len(self._train)))]
        given = torch.from_numpy(study_input(volume, self.schedule.size, self._cache)).to(draws.device)
        image, lesions = augmented(given, draws, published=False)
        share, known = cells_of(lesions)
        image = image[None].contiguous(memory_format=torch.channels_last_3d)
        return {"image": image, "share": share, "known": known}

    def losses(self, network: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Return the cross-entropy between the first features and the root of the shares.

        The root, because a lesion that fills a tenth of a cell should be seen.
        """
        logits = shares_in(network.features(batch["image"]))  # type: ignore[operator]
        surprise = functional.binary_cross_entropy_with_logits(
            logits, batch["share"].sqrt(), reduction="none",
            pos_weight=torch.full((len(LESION_VALUES), 1, 1, 1), POSITIVE_WEIGHT, device=logits.device),
        )  # fmt: skip
        counted = batch["known"].sum().clamp_min(1.0)
        return {"cross_entropy": (surprise * batch["known"]).sum() / counted}

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return Dice of infected cells over the validation part."""
        device = next(network.parameters()).device
        infected = len(INFECTED_VALUES)
        both = total = 0.0
        for volume in self._validation:
            given = study_input(volume, self.schedule.size, self._cache)
            share, known = cells_of(torch.from_numpy(given[2]).to(device))
            features = network.features(as_tensor(given[:2]).to(device))  # type: ignore[operator]
            likely = shares_in(features).sigmoid().square()[0, :infected].sum(dim=0)
            found = (likely >= _FOUND) & (known[0, 0] > 0)
            true = (share[0, :infected].sum(dim=0) >= _FOUND) & (known[0, 0] > 0)
            both += float((found & true).sum())
            total += float(found.sum() + true.sum())
        return {"infected_dice": 2 * both / max(1.0, total)}


def task(studies: LabelledStudies, cache: Path, schedule: str) -> BackboneTask:
    """Return what ``train decovnet --network backbone`` trains. Raises RefusedInput (code no_schedule)."""
    if schedule == "paper":
        raise RefusedInput(
            "no_schedule", "The paper does not teach the backbone by voxels: train the network decovnet."
        )
    return BackboneTask(studies, cache)


def shares_in(features: Tensor) -> Tensor:
    """Return logits ``[n, 7, z, y, x]`` of the shares of LESION_VALUES: the first features, shifted."""
    return features[:, : len(LESION_VALUES)].float() - _OFFSET


def cells_of(lesions: Tensor) -> tuple[Tensor, Tensor]:
    """Return the share of each of LESION_VALUES in every cell of the features, and where it is known.

    ``lesions`` uint8 ``[z, y, x]`` on the input; shares float32 ``[1, 7, z, y, x]``, known (0 or 1)
    ``[1, 1, z, y, x]``. A cell lies around the voxel that is its middle, as `features_affine` says.
    """
    known = (lesions != UNKNOWN).float()
    masks = torch.stack([(lesions == value).float() for value in LESION_VALUES] + [known])[None]
    padding = (0, REDUCTION[1] // 2, REDUCTION[2] // 2)
    cells = functional.avg_pool3d(masks, REDUCTION, REDUCTION, padding, count_include_pad=False)
    height, width = (-(-side // step) for side, step in zip(lesions.shape[1:], REDUCTION[1:], strict=True))
    cells = cells[..., :height, :width]
    part = cells[:, -1:]
    return cells[:, :-1] / part.clamp_min(1e-3), (part >= _KNOWN).float()
