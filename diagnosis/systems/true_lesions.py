"""How much of what a map shows lies in true lesions, and how much would by chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diagnosis.lungs.series_grid import nearest_on
from diagnosis.results import INFECTED_VALUES
from diagnosis.systems.interface import Case
from diagnosis.volume import Affine, BoolArray, FloatArray, LabelArray

BY_CHANCE = "lesions in lungs"
"""The finding that says what part of the lungs is infected."""


@dataclass(frozen=True, slots=True)
class TrueLesions:
    """Infected voxels and lungs, bool ``[z, y, x]``, at the voxels of a map."""

    infected: BoolArray
    lungs: BoolArray

    def part(self, values: FloatArray) -> float | None:
        """Return what part of values, none negative, is infected; None when all are 0."""
        total = float(values.sum(dtype=np.float64))
        return float(values[self.infected].sum(dtype=np.float64)) / total if total > 0 else None

    def by_chance(self, slices: BoolArray) -> float | None:
        """Return what part of the lungs is infected in slices ``[z]``; None where they show no lungs."""
        lungs = self.lungs[slices]
        return float(self.infected[slices][lungs].mean()) if lungs.any() else None


def true_lesions(case: Case, lesions: LabelArray, affine: Affine, shape: tuple[int, ...]) -> TrueLesions:
    """Return what is known of a case at the voxels of a map, the nearest ones; nothing beyond the series.

    ``lesions`` are outline values uint8 ``[z, y, x]`` on the series grid.
    """
    infected, lungs = (
        nearest_on(mask, case.volume.affine, affine, shape) > 0
        for mask in (np.isin(lesions, INFECTED_VALUES), case.lungs > 0)
    )
    return TrueLesions(infected, lungs)
