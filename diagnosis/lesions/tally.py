"""How well lesions are found and named, and which balance between rare and common types names them best."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from diagnosis.lesions.unet25d import BACKGROUND_CLASS, CLASSES, INFECTED_CLASSES, LESION_OF_CLASS
from diagnosis.results import EFFUSION

IGNORED = 255
"""Target of voxels that feed no loss."""
INFECTION_THRESHOLD = 0.4
"""Probability from which a voxel counts as infected: chosen on phantoms."""
TYPE_WEIGHTS = (0.5, 4.0, 0.8, 8.0)
"""Of the loss that tells the four infection types apart, in the order of values 1 to 4. It asks only which
type an infected voxel has, so that rare types can weigh more without healthy lung being called infected."""
TYPE_BALANCES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)
"""How much of those weights is taken back when a type is named: with all of it the likeliest type is named
and rare ones hardly ever, with none of it they are named too often. The best one is read from validation."""
EFFUSION_CLASS = LESION_OF_CLASS.index(EFFUSION)


def type_scale(balance: float) -> list[float]:
    """Return what the shares of the four infection types are multiplied by, the largest 1."""
    scale = np.array(TYPE_WEIGHTS) ** -balance
    return [round(float(value), 4) for value in scale / scale.max()]


class Tally:
    """Sums overlaps over slices: Dice over all of them together, which empty slices do not spoil."""

    def __init__(self) -> None:
        names = ("lung", "infected", *CLASSES[INFECTED_CLASSES.stop :])
        self._sums = {name: np.zeros(3) for name in names}
        self._types = np.zeros((len(TYPE_BALANCES), len(TYPE_WEIGHTS), 3))

    def add(self, probability: Tensor, target: Tensor) -> None:
        """Add softmax output ``[b, 10, y, x]`` and targets ``[b, y, x]``."""
        counted, known = target != IGNORED, target < len(CLASSES)
        infected = probability[:, INFECTED_CLASSES].sum(dim=1) >= INFECTION_THRESHOLD
        truth = (target >= INFECTED_CLASSES.start) & (target < INFECTED_CLASSES.stop)
        lung = 1 - probability[:, BACKGROUND_CLASS] - probability[:, EFFUSION_CLASS] >= 0.5
        lung_truth = (target != BACKGROUND_CLASS) & (target != EFFUSION_CLASS)
        self._overlap("lung", lung & known, lung_truth & known)
        self._overlap("infected", infected & counted, truth & counted)
        for index in range(INFECTED_CLASSES.stop, len(CLASSES)):
            other = (probability.argmax(dim=1) == index) & ~infected
            self._overlap(CLASSES[index], other & known, target == index)
        shares = probability[:, INFECTED_CLASSES]
        for sums, balance in zip(self._types, TYPE_BALANCES, strict=True):
            scale = torch.tensor(type_scale(balance), device=shares.device)
            kind = (shares * scale[:, None, None]).argmax(dim=1) + INFECTED_CLASSES.start
            for place, index in enumerate(range(INFECTED_CLASSES.start, INFECTED_CLASSES.stop)):
                sums[place] += _sums(infected & (kind == index) & known, target == index)

    def metrics(self) -> dict[str, float]:
        """Return Dice of every structure that occurs, and by how much infected area is missed or added.

        Types are named with the balance of the best mean Dice, ``type_balance``.
        """
        result = {}
        for name, (shared, found, true) in self._sums.items():
            if true > 0:
                result[f"{name.replace(' ', '_')}_dice"] = float(2 * shared / (found + true))
        result.setdefault("infected_dice", 0.0)
        occurring = self._types[0, :, 2] > 0
        shared, found, true = np.moveaxis(self._types[:, occurring], 2, 0)
        dice = 2 * shared / np.maximum(found + true, 1.0)
        best = int(dice.mean(axis=1).argmax()) if occurring.any() else 0
        names = [name for name, occurs in zip(CLASSES[INFECTED_CLASSES], occurring, strict=True) if occurs]
        for name, value in zip(names, dice[best], strict=True):
            result[f"{name.replace(' ', '_')}_dice"] = float(value)
        result["type_balance"] = TYPE_BALANCES[best]
        _, marked, ill = self._sums["infected"]
        lung = self._sums["lung"][2]
        if lung > 0:
            result["infected_percent_bias"] = float(100 * (marked - ill) / lung)
        return result

    def _overlap(self, name: str, found: Tensor, true: Tensor) -> None:
        self._sums[name] += _sums(found, true)


def _sums(found: Tensor, true: Tensor) -> np.ndarray:
    """Voxels that are both, found, and true."""
    return np.array([float(value.sum()) for value in (found & true, found, true)])
