"""What lies around the cage: muscle, fat, breasts, shoulders, skin, and arms that were not raised."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from diagnosis.phantom.patient import Patient
from diagnosis.phantom.randomness import Axes, Randomness
from diagnosis.phantom.solids import FAR, Space, capsule, ellipsoid, smooth_intersection, smooth_union
from diagnosis.phantom.thorax import Cage

_RIB_LAYER_MM = 11.0
_PARASPINAL_MM = 26.0
"""Of the muscles on both sides of the spine."""


@dataclass(frozen=True, slots=True)
class Outline:
    """Distances ``[z, y, x]`` in mm, negative inside."""

    skin: Tensor
    muscle: Tensor
    breasts: Tensor
    device: Tensor
    """A pacemaker, far away (1000) for most."""


def outline(space: Space, axes: Axes, patient: Patient, cage: Cage, randomness: Randomness) -> Outline:
    """Return the layers around the cage; thicker before the upper ribs and over the shoulder blades."""
    around, top = cage.around, patient.apex_z
    wave = randomness.stream("muscle").smooth_field(axes, 55.0, space.x.device)
    upper = torch.sigmoid((space.z - (top - 95.0)) / 22.0)
    pectoral = torch.exp(-(((around - 0.72) / 0.13) ** 2)) * (0.4 + 1.5 * upper)
    dorsal = torch.exp(-(((around - 0.22) / 0.14) ** 2)) * (0.5 + 1.6 * upper)
    thick = _RIB_LAYER_MM + patient.muscle * (0.35 + pectoral + dorsal) * (1.0 + 0.15 * wave)
    thick = thick + _PARASPINAL_MM * torch.exp(-((around / 0.15) ** 2))
    muscle = cage.distance - thick
    w = patient.half_width
    shoulders: Tensor | None = None
    for side in (-1.0, 1.0):
        shoulder = ellipsoid(space, (side * (w + 8.0), 8.0, top + 8.0), (64.0, 56.0, 62.0))
        shoulders = shoulder if shoulders is None else torch.minimum(shoulders, shoulder)
    neck = (space.x**2 + (space.y - 0.25 * patient.half_depth) ** 2).sqrt_() - 62.0
    neck = torch.maximum(neck, top - 10.0 - space.z)
    if shoulders is not None:
        muscle = smooth_union(smooth_union(muscle, shoulders, 30.0), neck, 40.0)
    fat = patient.fat * (0.75 + 0.35 * torch.sin(torch.pi * around) ** 2 + 0.12 * wave)
    skin = muscle - fat - 2.0
    breasts = _breasts(space, patient)
    if patient.breast:
        skin = smooth_union(skin, breasts - 2.0, 30.0)
    back = patient.half_depth + _RIB_LAYER_MM + 0.8 * _PARASPINAL_MM + 0.5 * patient.muscle
    lying = space.y - (back + 0.75 * patient.fat + 4.0)
    skin = smooth_intersection(skin, lying, 34.0)
    if patient.arms_down:
        skin = torch.minimum(skin, _arms(space, patient))
        muscle = torch.minimum(muscle, _arms(space, patient) + 0.4 * patient.fat + 4.0)
    return Outline(skin, muscle, breasts, _pacemaker(space, patient, cage))


def _breasts(space: Space, patient: Patient) -> Tensor:
    if not patient.breast:
        return torch.full_like(space.x, FAR)
    r, front = patient.breast, -patient.half_depth - _RIB_LAYER_MM - patient.muscle
    parts = [
        ellipsoid(space, (side * (0.60 * patient.half_width), front + 4.0, -40.0), (1.15 * r, 0.8 * r, r))
        for side in (-1.0, 1.0)
    ]
    return torch.minimum(*parts)


def _arms(space: Space, patient: Patient) -> Tensor:
    away = patient.half_width + 2 * patient.muscle + patient.fat + 66.0
    parts = [
        capsule(space, (side * away, 25.0, patient.apex_z), (side * (away + 14.0), 30.0, -300.0), 44.0, 38.0)
        for side in (-1.0, 1.0)
    ]
    return torch.minimum(*parts)


def _pacemaker(space: Space, patient: Patient, cage: Cage) -> Tensor:
    """A flat box before the muscles of the left chest, under the skin."""
    if not patient.metal:
        return torch.full_like(space.x, FAR)
    depth = cage.distance - _RIB_LAYER_MM - 1.2 * patient.muscle - 4.0
    x, z = space.x - 0.5 * patient.half_width, space.z - (patient.apex_z - 62.0)
    inside = ((x / 20.0) ** 2 + (z / 22.0) ** 2 + (depth / 4.5) ** 2).sqrt_()
    return torch.where(space.y < 0, (inside - 1.0) * 4.5, FAR)
