"""All surfaces of one patient on one grid, as signed distances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from diagnosis.phantom.fissures import Fissures, fissures, lobes_of
from diagnosis.phantom.grid import Grid
from diagnosis.phantom.lung_map import LungMap
from diagnosis.phantom.mediastinum import Mediastinum, carina, hila, mediastinum, spine_y, trachea_top
from diagnosis.phantom.outline import Outline, outline
from diagnosis.phantom.patient import Patient
from diagnosis.phantom.randomness import Randomness
from diagnosis.phantom.skeleton import Skeleton, skeleton
from diagnosis.phantom.solids import FAR, Space, smooth_intersection
from diagnosis.phantom.thorax import Cage, abdomen, cage

_WARP_MM = 3.6
_WARP_WAVELENGTH_MM = 85.0
_EDGE_BLEND_MM = 4.0
_PLEURA_ROUGH_MM = 0.7
_MAP_STEP_MM = 4.0


@dataclass(frozen=True, slots=True)
class Cavity:
    """What bounds the lungs: signed distances in mm ``[z, y, x]``, negative inside.

    ``lungs`` holds both lungs without effusion; ``fluid`` is the distance to the pleural fluid, FAR where
    there is none.
    """

    space: Space
    cage: Cage
    abdomen: Tensor
    mediastinum: Mediastinum
    fissures: Fissures
    lungs: Tensor
    fluid: Tensor
    has_fluid: bool


@dataclass(frozen=True, slots=True)
class Anatomy:
    """All surfaces of a patient, evaluated on ``grid``."""

    grid: Grid
    cavity: Cavity
    skeleton: Skeleton
    outline: Outline


def anatomy(
    patient: Patient, effusion_mm: tuple[float, float], grid: Grid, randomness: Randomness
) -> Anatomy:
    """Evaluate a patient's surfaces. ``effusion_mm`` is the thickest fluid at the back, right and left."""
    found = _cavity(patient, effusion_mm, grid, randomness)
    return Anatomy(
        grid=grid,
        cavity=found,
        skeleton=skeleton(found.space, patient, found.cage, spine_y(found.cage.back_y)),
        outline=outline(found.space, grid.axes(), patient, found.cage, randomness.stream("outline")),
    )


def _cavity(patient: Patient, effusion_mm: tuple[float, float], grid: Grid, randomness: Randomness) -> Cavity:
    axes = grid.axes()
    space = _warped(grid, randomness.stream("warp"))
    chest = cage(space, patient)
    between = mediastinum(space, axes, patient, chest.back_y, randomness.stream("mediastinum"))
    below = abdomen(space, patient)
    pleura = randomness.stream("pleura").smooth_field(axes, 14.0, grid.device)
    rough = chest.distance.add(pleura, alpha=_PLEURA_ROUGH_MM)
    lungs = smooth_intersection(rough, -between.outside, _EDGE_BLEND_MM)
    lungs = smooth_intersection(lungs, -below, _EDGE_BLEND_MM)
    aerated = torch.maximum(lungs, _fluid_level(space, chest, patient, effusion_mm))
    return Cavity(
        space=space, cage=chest, abdomen=below, mediastinum=between,
        fissures=fissures(space, axes, patient, randomness.stream("fissures")), lungs=aerated,
        fluid=torch.maximum(lungs, -aerated) if any(effusion_mm) else torch.full_like(lungs, FAR),
        has_fluid=any(effusion_mm),
    )  # fmt: skip


def lung_map(patient: Patient, randomness: Randomness) -> LungMap:
    """Return where trees may grow, from the same surfaces (without fluid) on cubes of 4 mm."""
    low = (patient.base_z - 4.0, -patient.half_depth - 8.0, -patient.half_width - 8.0)
    high = (patient.apex_z + 4.0, patient.half_depth + 12.0, patient.half_width + 8.0)
    shape = tuple(int((b - a) / _MAP_STEP_MM) + 1 for a, b in zip(low, high, strict=True))
    step = (_MAP_STEP_MM, _MAP_STEP_MM, _MAP_STEP_MM)
    grid = Grid((shape[0], shape[1], shape[2]), step, low, torch.device("cpu"))
    found = _cavity(patient, (0.0, 0.0), grid, randomness)
    right = found.space.x < found.mediastinum.midline
    inside = found.lungs < 0
    return LungMap(
        lobes=lobes_of(found.fissures, inside & right, inside & ~right).numpy(),
        depth_mm=np.asarray((-found.lungs).numpy(), np.float32),
        first_mm=(low[2], low[1], low[0]),
        step_mm=_MAP_STEP_MM,
        hilum_mm=hila(patient),
        carina_mm=carina(patient),
        trachea_top_mm=trachea_top(patient),
    )


def _warped(grid: Grid, randomness: Randomness) -> Space:
    """Positions bent by a smooth field of a few millimetres, so that nothing is a perfect ellipse."""
    axes = grid.axes()
    bent = []
    for number, places in enumerate(axes):
        field = randomness.stream(str(number)).smooth_field(axes, _WARP_WAVELENGTH_MM, grid.device)
        view = [1, 1, 1]
        view[number] = -1
        bent.append(field.mul_(_WARP_MM).add_(places.view(view)))
    return Space(bent[0], bent[1], bent[2])


def _fluid_level(space: Space, chest: Cage, patient: Patient, effusion_mm: tuple[float, float]) -> Tensor:
    """Distance to the room that fluid leaves: a crescent along the back wall, thicker towards the base."""
    back = torch.sigmoid((space.y - 0.25 * patient.half_depth) / (0.16 * patient.half_depth))
    reach = patient.apex_z - patient.base_z
    low = torch.sigmoid((patient.base_z + 0.42 * reach - space.z) / (0.10 * reach))
    thickest = torch.where(space.x < 0, effusion_mm[0], effusion_mm[1])
    return chest.distance + thickest * back * (0.25 + 0.75 * low) * (thickest > 0)
