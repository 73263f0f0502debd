"""Disease painted into a healthy chest, and the truth of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from diagnosis.phantom.disease import Disease
from diagnosis.phantom.lesions.airway_infection import (
    paint_bronchi,
    paint_bronchograms,
    paint_buds,
    paint_cavities,
)
from diagnosis.phantom.lesions.bystanders import paint_emphysema, paint_nodules
from diagnosis.phantom.lesions.canvas import Canvas, canvas_of
from diagnosis.phantom.lesions.collapse import paint_dependent_bands, paint_plates, paint_pressed_lung
from diagnosis.phantom.lesions.foci import place_foci
from diagnosis.phantom.lesions.infection import paint_infection
from diagnosis.phantom.lesions.lattice import Lattice, box_of, lattice_of
from diagnosis.phantom.lesions.likeness import co_rads
from diagnosis.phantom.lesions.ripening import ripening_of
from diagnosis.phantom.lesions.spread import Spread, spread_of, stopped_at
from diagnosis.phantom.randomness import Randomness
from diagnosis.results import ATELECTASIS, EFFUSION, OTHER_INFECTION

if TYPE_CHECKING:
    from diagnosis.phantom.chest import Chest

_SCARS = 6.0
"""Bands that organising COVID-19 leaves at most, as it is absorbed."""


@dataclass(frozen=True, slots=True)
class Diseased:
    """A chest with its disease, tensors ``[z, y, x]`` on the chest's grid.

    ``labels`` are uint8 lesion values (1 to 4 infection, 10 effusion, 11 nodule, 12 emphysema, 13
    atelectasis), the geometric truth whether it can be seen or not; none but effusion lies outside the
    lungs. ``hu`` is float32, before the scanner. ``co_rads`` is the likeness to COVID-19, 1 to 5.
    """

    labels: Tensor
    hu: Tensor
    co_rads: int


def add_lesions(chest: Chest, disease: Disease, randomness: Randomness) -> Diseased:
    """Paint a disease into a chest, which is left as it is. Raises ValueError for a chest without lungs.

    The places depend on the randomness and the patient only: not on severity, day or voxel grid.
    """
    box = box_of(chest.lungs > 0)
    if box is None:
        raise ValueError("the chest has no lungs on this grid")
    canvas = canvas_of(chest, box)
    lattice = lattice_of(chest, box)
    paint_emphysema(canvas, disease.negatives, lattice, randomness)
    paint_dependent_bands(canvas, disease, lattice, randomness)
    paint_pressed_lung(canvas, disease, lattice, randomness)
    _paint_pneumonia(canvas, disease, lattice, randomness)
    paint_plates(canvas, disease.negatives.bands, ATELECTASIS, lattice, randomness)
    paint_nodules(canvas, disease.negatives, lattice, randomness)
    labels, hu = canvas.finished()
    likeness = co_rads(canvas.labels, chest, disease, box)
    labels.masked_fill_(chest.effusion & (chest.lungs == 0), EFFUSION)
    return Diseased(labels, hu, likeness)


def _paint_pneumonia(canvas: Canvas, disease: Disease, lattice: Lattice, randomness: Randomness) -> None:
    if disease.infected_fraction <= 0:
        return
    foci = place_foci(disease, lattice, randomness)
    spread = spread_of(foci, disease, lattice, disease.infected_fraction, randomness)
    if disease.airways.tree_in_bud:
        paint_buds(canvas, disease, spread, lattice, randomness)
    paint_bronchi(canvas, disease, spread, lattice)
    share = disease.infected_fraction - _share_beside(canvas, spread, lattice)
    spread = stopped_at(spread.lobes, foci, lattice, max(share, 0.5 * disease.infected_fraction))
    paint_infection(canvas, ripening_of(disease, foci, spread, lattice, randomness), randomness)
    paint_bronchograms(canvas, disease, spread, lattice, randomness)
    paint_cavities(canvas, disease, foci, spread, randomness)
    scars = round(_SCARS * disease.absorption * disease.severity) if disease.kind == "covid" else 0
    paint_plates(canvas, scars, OTHER_INFECTION, lattice, randomness.stream("scars"))


def _share_beside(canvas: Canvas, spread: Spread, lattice: Lattice) -> float:
    """Share of the lungs that is infected along the airways, outside the patches."""
    beside = lattice.sampled(canvas.labels, canvas.grid) == OTHER_INFECTION
    return float((beside & ~spread.infected(lattice)).sum()) / max(lattice.lung_cells, 1)
