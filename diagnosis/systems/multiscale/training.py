"""Training of the multi-scale classifier (Hu et al., 2020), as published and quickly.

The paper trains classifiers at single scales first, then one on the sum of their scores; it learns from the
class of patients alone, on four graphics cards. The small schedule is taught by the voxels of outlined
lesions as well, where there are any: a deviation from the paper that the card tells.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from diagnosis.geometry import RefusedInput
from diagnosis.systems.multiscale.aggregation import patient_probabilities
from diagnosis.systems.multiscale.calibration import answers, probabilities_of, read_patients, slice_maps
from diagnosis.systems.multiscale.losses import cell_loss, class_weights, focal_loss
from diagnosis.systems.multiscale.network import LEVELS, MultiscaleNetwork, sum_of_maxima
from diagnosis.systems.multiscale.preprocessing import PAPER_SIZE, InputSize
from diagnosis.systems.multiscale.spec import CLASSES, NP, Level
from diagnosis.systems.multiscale.training_inputs import (
    augmented,
    ill_and_free,
    slice_classes,
    stacked,
    study_slices,
)
from diagnosis.training.augmentation import Draws
from diagnosis.training.labelled import LabelledStudies, LabelledVolume
from diagnosis.training.sampling import BalancedSlices, SliceRef
from diagnosis.training.task import Batch, Settings

FIRST = "scales"
"""The network whose weights this one begins with: the classifiers at single scales."""
SMALL_SIZE = InputSize(80, 112, 4.0, "lungs")
"""The box of the lungs in pixels of about 2.6 mm: a sixth of the published operations."""


@dataclass(frozen=True, slots=True)
class MultiscaleSchedule:
    """``voxels`` weighs what outlined lesions teach the class maps; 0 as published: every slice has the class
    of its patient, and slices are drawn as often as there are. Otherwise patients are drawn equally often,
    and slices free of infection are NP.

    ``slices_validated`` of every study are looked at in validation, all with None.
    """

    settings: Settings
    size: InputSize = PAPER_SIZE
    batch: int = 32
    voxels: float = 0.0
    slices_validated: int | None = None
    classes: tuple[str, ...] = CLASSES
    levels: tuple[Level, ...] = LEVELS


SMALL = MultiscaleSchedule(
    Settings(
        steps=450, learning_rate=3e-4, warm_up=20, validate_every=150, checkpoint_every=50, bfloat16=False,
    ),
    SMALL_SIZE, batch=8, voxels=0.5, slices_validated=12,
)  # fmt: skip
PAPER = MultiscaleSchedule(
    Settings(
        steps=20_000, learning_rate=1e-4, optimiser="adam", betas=(0.5, 0.9), cosine=False,
        clip_norm=math.inf, validate_every=500, checkpoint_every=500, patience=2,
    )
)  # fmt: skip
"""As published, batches of 32 slices, which is not. Training ends after 1000 steps without a better
validation."""
_ILL, _FREE = 0.7, 0.12
"""Parts of the slices drawn that show disease, and that are free of it in ill patients; the rest is NP."""


class TaughtNetwork(MultiscaleNetwork):
    """The network as it is trained: it answers with its class maps, which the losses read."""

    def forward(self, image: Tensor) -> dict[Level, Tensor]:  # type: ignore[override]
        """Return the class maps of all levels."""
        return self.maps(image)


class MultiscaleTask:
    """Trains `MultiscaleNetwork` on slices that have the class of their study."""

    system = "multiscale"
    weights_name = "multiscale"
    network_name = "multi-scale classifier (Hu et al., 2020)"
    headline = "auc"

    def __init__(self, studies: LabelledStudies, cache: Path, schedule: MultiscaleSchedule = SMALL) -> None:
        """Inputs are made now and kept in ``cache``. Raises RefusedInput: a part without one of the classes,
        a study without lungs."""
        self.schedule, self.settings = schedule, schedule.settings
        self.config: Mapping[str, Any] = {
            "levels": list(schedule.levels), "input": asdict(schedule.size),
        }  # fmt: skip
        self._cache = cache
        train = of_classes(studies.part("train"), schedule.classes, "train")
        self._validation = of_classes(studies.part("validation"), schedule.classes, "validation")
        groups = _groups(train, schedule, cache)
        self._slices = BalancedSlices({name: (weight, refs) for name, (_, weight, refs) in groups.items()})
        shares = [sum(weight for of, weight, _ in groups.values() if of == name) for name in schedule.classes]
        self._weights = class_weights(shares)

    def network(self) -> nn.Module:
        """Return a new network."""
        return TaughtNetwork(len(self.schedule.classes), self.schedule.levels)

    def batch(self, draws: Draws) -> Batch:
        """Return ``image`` float32 ``[n, 1, y, x]``, ``lesions`` uint8 ``[n, y, x]``, the class of each
        slice's study ``classes`` and its own ``target``, int64 ``[n]``."""
        schedule = self.schedule
        refs = self._slices.draw(draws.numpy, schedule.batch)
        slices = stacked(refs, schedule.size, self._cache).to(draws.device)
        image, lesions = augmented(slices, draws, published=not schedule.voxels)
        names = [schedule.classes.index(str(ref.volume.class_name)) for ref in refs]
        classes = torch.tensor(names, device=draws.device)
        normal = schedule.classes.index(NP) if NP in schedule.classes else None
        target = slice_classes(image, lesions, classes, normal) if schedule.voxels else classes
        return {"image": image, "lesions": lesions, "classes": classes, "target": target}

    def losses(self, network: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Return the focal loss of the classifier, and what voxels teach its class maps."""
        maps = network(batch["image"])
        weights = self._weights.to(batch["image"].device)
        found = {"focal": self.focal(maps, batch["target"], weights)}
        if self.schedule.voxels:
            cells = cell_loss(maps, batch["lesions"], batch["classes"], self.schedule.classes)
            found["cells"] = self.schedule.voxels * cells
        return found

    def focal(self, maps: Mapping[Level, Tensor], target: Tensor, weights: Tensor) -> Tensor:
        """Return the loss of the joint classifier: of the sum of the scores of all levels."""
        return focal_loss(sum_of_maxima(maps), target, weights)

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return AUC of COVID-19, mean AUC of the classes, accuracy and cross-entropy over the patients of
        the validation part."""
        found = [self._read(network, volume) for volume in self._validation]
        truth = [str(volume.class_name) for volume in self._validation]
        return read_patients(truth, np.array(found), self.schedule.classes)

    def calibrated(self, network: nn.Module) -> Mapping[str, Any]:
        """Return operating points and scales of the maps, read from the validation part."""
        return answers(network, self._validation, self.schedule.size, self._cache)  # type: ignore[arg-type]

    def _read(self, network: nn.Module, volume: LabelledVolume) -> NDArray[np.float64]:
        slices = study_slices(volume, self.schedule.size, self._cache)
        count = self.schedule.slices_validated or len(slices)
        chosen = np.unique(np.linspace(0, len(slices) - 1, count).round().astype(int))
        maps = slice_maps(network, slices[chosen])  # type: ignore[arg-type]
        return patient_probabilities(probabilities_of(maps), self.schedule.classes)


def of_classes(volumes: Sequence[LabelledVolume], classes: Sequence[str], part: str) -> list[LabelledVolume]:
    """Return the studies of these classes.

    Raises RefusedInput (code nothing_to_learn) when there is none of a class.
    """
    counts = {name: sum(volume.class_name == name for volume in volumes) for name in classes}
    if all(counts.values()):
        return [volume for volume in volumes if volume.class_name in classes]
    raise RefusedInput(
        "nothing_to_learn",
        f"The {part} part of this label folder has "
        f"{', '.join(f'{count} studies of class {name}' for name, count in counts.items())}: "
        "this classifier needs all of them. Sign readings with a diagnosis and export again.",
    )


def _groups(
    volumes: Sequence[LabelledVolume], schedule: MultiscaleSchedule, cache: Path
) -> dict[str, tuple[str, float, list[SliceRef]]]:
    """Slices to draw from, in groups: the class they teach, the weight of the group, its slices."""
    groups: dict[str, tuple[str, float, list[SliceRef]]] = {}

    def add(class_name: str, volume: LabelledVolume, weight: float, indices: Iterable[int]) -> None:
        refs = [SliceRef(volume, int(index)) for index in indices]
        if refs:
            groups[f"{volume.study} {class_name}"] = (class_name, weight, refs)

    patients = Counter(volume.class_name for volume in volumes)
    ill_classes = [name for name in schedule.classes if name != NP]
    for volume in volumes:
        name, slices = str(volume.class_name), study_slices(volume, schedule.size, cache)
        if not schedule.voxels:
            add(name, volume, float(len(slices)), range(len(slices)))
        elif name == NP:
            add(NP, volume, (1 - _ILL - _FREE) / patients[NP], range(len(slices)))
        else:
            ill, free = ill_and_free(slices)
            add(name, volume, _ILL / len(ill_classes) / patients[name], ill)
            if NP in schedule.classes:
                add(NP, volume, _FREE / len(volumes), free)
    return groups


def task(studies: LabelledStudies, cache: Path, schedule: str) -> MultiscaleTask:
    """Return what ``train multiscale`` trains last. Raises RefusedInput as MultiscaleTask does."""
    return MultiscaleTask(studies, cache, SMALL if schedule == "small" else PAPER)
