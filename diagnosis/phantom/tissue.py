"""Tissue from surfaces: Hounsfield units of everything but the lungs, slab by slab."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as functional
from torch import Tensor

from diagnosis.phantom.anatomy import Anatomy
from diagnosis.phantom.grid import Grid
from diagnosis.phantom.patient import Patient
from diagnosis.phantom.randomness import Randomness
from diagnosis.phantom.solids import Space, coverage, ellipsoid

AIR_HU, FAT_HU, MUSCLE_HU, SKIN_HU = -1000.0, -102.0, 53.0, 18.0
BLOOD_HU, MYOCARDIUM_HU, NODE_HU, OESOPHAGUS_HU = 41.0, 48.0, 36.0, 36.0
LIVER_HU, SPLEEN_HU, STOMACH_HU, GAS_HU = 58.0, 49.0, 24.0, -960.0
FLUID_HU, DISC_HU, CARTILAGE_HU, CANAL_HU = 6.0, 76.0, 106.0, 14.0
CANCELLOUS_HU, CORTICAL_HU, CALCIUM_HU, METAL_HU = 185.0, 690.0, 420.0, 3000.0
_CORTEX_MM, _SKIN_MM, _DIAPHRAGM_MM = 1.7, 1.8, 2.6
_SLAB = 8

Surfaces = dict[str, Tensor]


def surfaces(found: Anatomy, patient: Patient, randomness: Randomness) -> Surfaces:
    """Return the distances and noise fields that tissue is made from, by name, on the anatomy's grid."""
    axes, device = found.grid.axes(), found.grid.device
    noise = {
        name: randomness.stream(name).smooth_field(axes, wavelength, device, octaves)
        for name, wavelength, octaves in (("strand", 17.0, 2), ("streak", 24.0, 2), ("organ", 30.0, 1))
    }
    between, bones, around = found.cavity.mediastinum, found.skeleton, found.outline
    return {
        "skin": around.skin, "muscle": around.muscle, "breasts": around.breasts, "device": around.device,
        "cage": found.cavity.cage.distance, "abdomen": found.cavity.abdomen, "heart": between.heart,
        "chambers": between.chambers, "vessels": between.vessels, "oesophagus": between.oesophagus,
        "nodes": between.nodes, "bone": bones.bone, "cartilage": bones.cartilage, "discs": bones.discs,
        "canal": bones.canal, "fluid": found.cavity.fluid, **_organs(found, patient), **noise,
    }  # fmt: skip


def tissue_hu(stack: Surfaces, patient: Patient, pixel_mm: float, grid: Grid, factor: int) -> Tensor:
    """Return HU ``[z, y, x]`` of the chest with fat where the lungs will be.

    ``stack`` lies on a grid ``factor`` times coarser in the plane than ``grid``. Slabs keep the working set
    in the processor's cache.
    """
    names = list(stack)
    result = torch.empty(grid.shape, device=grid.device)
    for start in range(0, grid.shape[0], _SLAB):
        part = torch.stack([stack[name][start : start + _SLAB] for name in names], dim=1)
        if factor > 1:
            part = functional.interpolate(part, scale_factor=factor, mode="bilinear", align_corners=False)
        part = part[:, :, : grid.shape[1], : grid.shape[2]]
        fields = dict(zip(names, part.unbind(1), strict=True))
        result[start : start + _SLAB] = _composed(fields, patient, pixel_mm)
    return result


def blood_hu(patient: Patient) -> float:
    """Return the density of blood, with contrast medium where it was given."""
    return patient.contrast_hu or BLOOD_HU


def _organs(found: Anatomy, patient: Patient) -> Surfaces:
    """Liver, spleen, stomach and its gas, each inside what lies below the diaphragm."""
    w, d = patient.half_width, patient.half_depth
    right, left = patient.dome_z
    space: Space = found.cavity.space
    below = found.cavity.abdomen + _DIAPHRAGM_MM
    liver = ellipsoid(space, (-0.36 * w, -4.0, right - 72.0), (0.78 * w, 1.05 * d, 84.0))
    spleen = ellipsoid(space, (0.66 * w, 0.42 * d, left - 48.0), (0.30 * w, 0.42 * d, 44.0))
    stomach = ellipsoid(space, (0.42 * w, -0.20 * d, left - 40.0), (0.36 * w, 0.50 * d, 38.0))
    gas = torch.maximum(stomach + 4.0, space.y + 0.28 * d)
    return {
        "liver": torch.maximum(liver, below), "spleen": torch.maximum(spleen, below),
        "stomach": torch.maximum(stomach, below), "gas": torch.maximum(gas, below),
    }  # fmt: skip


def _composed(at: Surfaces, patient: Patient, pixel_mm: float) -> Tensor:
    """Layers from the outside in; each covers what it fills."""
    strand, streak, organ = at["strand"], at["streak"], at["organ"]
    hu = torch.full_like(strand, AIR_HU)

    def fill(
        distance: Tensor, value: Tensor | float, layer: Callable[[Tensor], Tensor] | None = None
    ) -> None:
        share = coverage(distance, pixel_mm)
        if layer is not None:
            share = layer(share)
        if isinstance(value, Tensor):
            hu.add_(share * (value - hu))
        else:
            hu.add_(share.mul_(value - hu))

    fat = FAT_HU + 7.0 * organ + 45.0 * (strand.abs() < 0.05)
    fill(at["skin"], SKIN_HU)
    fill(at["skin"] + _SKIN_MM, fat)
    if patient.breast:
        fill(torch.maximum(at["breasts"] + 7.0, 9.0 * (0.35 - strand)), 28.0 + 10.0 * organ)
    fill(at["device"], METAL_HU)
    between_muscles = (streak.abs() < 0.12) & (at["cage"] > 12.0)
    fill(at["muscle"], torch.where(between_muscles, -70.0, MUSCLE_HU + 6.0 * strand))
    fill(at["cage"], fat)
    _fill_abdomen(fill, at, fat)
    _fill_mediastinum(fill, at, patient, fat)
    fill(at["fluid"], FLUID_HU + 2.0 * organ)
    fill(at["discs"], DISC_HU + 8.0 * strand)
    fill(torch.maximum(at["canal"], -at["bone"]), CANAL_HU)
    fill(at["cartilage"], CARTILAGE_HU + 12.0 * organ)
    fill(at["bone"], CORTICAL_HU + 80.0 * organ)
    fill(at["bone"] + _CORTEX_MM, CANCELLOUS_HU + 45.0 * strand + 20.0 * organ)
    return hu


Fill = Callable[..., None]


def _fill_abdomen(fill: Fill, at: Surfaces, fat: Tensor) -> None:
    organ, strand = at["organ"], at["strand"]
    inside = torch.maximum(at["abdomen"], at["cage"])
    fill(inside, MUSCLE_HU)
    fill(inside + _DIAPHRAGM_MM, fat)
    fill(at["liver"], LIVER_HU + 3.0 * organ + 3.0 * strand)
    fill(at["spleen"], SPLEEN_HU + 3.0 * strand)
    fill(at["stomach"], STOMACH_HU + 14.0 * strand)
    fill(at["gas"], GAS_HU)


def _fill_mediastinum(fill: Fill, at: Surfaces, patient: Patient, fat: Tensor) -> None:
    """Nodes, oesophagus, heart in its fat, and blood; calcium in some walls."""
    organ, strand = at["organ"], at["strand"]
    blood = blood_hu(patient) + 4.0 * organ
    fill(at["nodes"], NODE_HU + 8.0 * strand)
    fill(at["oesophagus"], OESOPHAGUS_HU + 6.0 * strand)
    fill(at["oesophagus"] + 6.0, torch.where(strand > 1.2, -700.0, OESOPHAGUS_HU))
    groove = 2.0 + (0.45 * patient.mediastinal_fat) * (1.0 + organ).clamp(min=0.0)
    fill(at["heart"], fat + 10.0)
    fill(at["heart"] + groove, MYOCARDIUM_HU + (0.25 * patient.contrast_hu) + 4.0 * strand)
    fill(torch.maximum(at["chambers"], at["heart"] + groove + 1.5), blood)
    fill(at["vessels"], 44.0)
    fill(at["vessels"] + 1.6, blood)
    if patient.calcium:
        spots = torch.maximum((at["vessels"] + 1.0).abs() - 1.2, 5.0 * (1.55 - strand))
        fill(spots, CALCIUM_HU + 100.0 * strand)
