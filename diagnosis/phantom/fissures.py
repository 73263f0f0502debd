"""The fissures: where one lobe ends and the next begins."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from diagnosis.phantom.patient import Patient
from diagnosis.phantom.randomness import Axes, Randomness
from diagnosis.phantom.solids import Space

_OBLIQUE_BACK_Z = 40.0
_OBLIQUE_FRONT = 0.62
"""The oblique fissure meets the diaphragm this part of the half depth before the middle."""
_INCOMPLETE = 0.35
"""Part of the fissures' area that shows no line: fissures are often incomplete."""


@dataclass(frozen=True, slots=True)
class Fissures:
    """Signed distances ``[z, y, x]`` in mm, positive above the fissure."""

    oblique: tuple[Tensor, Tensor]
    """Right, left."""
    minor: Tensor
    seen: Tensor
    """0..1: how much of the line shows."""


def fissures(space: Space, axes: Axes, patient: Patient, randomness: Randomness) -> Fissures:
    """Return the oblique fissures of both lungs and the minor fissure of the right one, gently waved."""
    d, device = patient.half_depth, space.x.device
    waves = [randomness.stream(f"wave {n}").smooth_field(axes, 75.0, device) for n in range(3)]
    lateral = (space.x.abs() / patient.half_width - 0.55) * 22.0
    oblique = []
    for side in (0, 1):
        back_z = _OBLIQUE_BACK_Z + patient.fissure_shift[side]
        front_z = patient.dome_z[side] - 12.0
        slope = (back_z - front_z) / ((0.9 + _OBLIQUE_FRONT) * d)
        level = back_z - slope * (0.9 * d - space.y) + lateral + 7.0 * waves[side]
        oblique.append((space.z - level) / (1.0 + slope**2) ** 0.5)
    forward = ((space.y + 0.15 * d) / d).square()
    minor = space.z - (patient.minor_z + 6.0 * waves[2] - 14.0 * forward)
    shown = randomness.stream("complete").smooth_field(axes, 60.0, device)
    return Fissures(
        (oblique[0], oblique[1]), minor, torch.sigmoid((shown + 1.2 * (1 - 2 * _INCOMPLETE)) * 5.0)
    )


def lobes_of(fissures_: Fissures, right: Tensor, left: Tensor) -> Tensor:
    """Return uint8 ``[z, y, x]``: 1 RUL 2 RML 3 RLL 4 LUL 5 LLL inside the masks of the two lungs."""
    lower_right, lower_left = (distance < 0 for distance in fissures_.oblique)
    middle, lower = (torch.tensor(value, dtype=torch.uint8, device=right.device) for value in (2, 5))
    label = torch.where(lower_right, 3, torch.where(fissures_.minor < 0, middle, 1)).mul_(right)
    return label.add_(torch.where(lower_left, lower, 4).mul_(left))


def nearest_fissure(fissures_: Fissures, side: Tensor) -> Tensor:
    """Return the distance in mm to the nearest fissure of the lung a voxel lies in (``side`` 1 or 2)."""
    right = torch.where(
        fissures_.oblique[0] > 0,
        torch.minimum(fissures_.oblique[0], fissures_.minor.abs()),
        fissures_.oblique[0].abs(),
    )
    return torch.where(side == 2, fissures_.oblique[1].abs(), right)
