"""The inner chest: cage, diaphragm, and the space that is left for the lungs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from diagnosis.phantom.patient import Patient
from diagnosis.phantom.solids import Space, ellipsoid, smooth_union

_CAGE_POWER = 2.25
"""Of the superellipse that a cross-section is: rounder than a box, fuller than an ellipse."""
_WIDEST_AT = 0.5
"""Part of the way from apex to base where the cage has reached its width."""
_APEX_OFFSET = 36.0
"""The two tops lie this far from the midline."""
_APEX_OFFSET_UNTIL = 0.35
_KYPHOSIS = 15.0
_PAST_DOME = 0.95
_TENDON_MM = 26.0
"""Over which the tendon fills the valley between the domes."""
RIB_SPACING_MM = 26.0
_INTERCOSTAL_BULGE = 1.1
_RIB_DROP = 112.0
_FIRST_RIB_BELOW_APEX = 4.0


@dataclass(frozen=True, slots=True)
class Cage:
    """The inner surface of the chest wall. Tensors ``[z, y, x]``.

    ``distance`` is negative inside. ``around`` runs along the wall from 0 at the spine to 1 at the breast
    bone; ``rib`` counts ribs downwards along the wall (0.0 on the first, 1.0 on the second ...); ``back_y``
    is where the back wall lies on this level.
    """

    distance: Tensor
    around: Tensor
    rib: Tensor
    back_y: Tensor


def cage(space: Space, patient: Patient) -> Cage:
    """Return the cage: superellipses that taper to two apices, bulging a little between the ribs."""
    height = patient.apex_z - patient.base_z
    t = ((patient.apex_z - space.z) / height).clamp(0.02, 1.2)
    risen = (1.0 - (1.0 - t / _WIDEST_AT).clamp(min=0.0) ** 1.6).clamp_(min=1e-3)
    taper = 1.0 - 0.06 * ((t - 0.75) / 0.25).clamp(min=0.0).square_()
    offset = _APEX_OFFSET * (1.0 - t / _APEX_OFFSET_UNTIL).clamp_(min=0.0)
    width = (patient.half_width * risen**0.6 * taper * (1.0 - offset / patient.half_width)).clamp_(min=3.0)
    depth = (patient.half_depth * risen.sqrt() * taper).clamp_(min=3.0)
    middle = _KYPHOSIS * (1.0 - t / _WIDEST_AT).clamp_(min=0.0)
    x, y = (space.x.abs() - offset).clamp_(min=0.0), space.y - middle
    norm = ((x / width) ** _CAGE_POWER + (y.abs() / depth) ** _CAGE_POWER) ** (1.0 / _CAGE_POWER)
    norm.clamp_(min=0.02)
    steep = 1.0 + (0.35 * (width / patient.half_width) ** -1.5).clamp_(max=3.0).square_() * (t < _WIDEST_AT)
    distance = (norm - 1.0) * (x * x + y * y).sqrt_() / norm
    distance = torch.where(distance < 0, distance / steep.sqrt_(), distance)
    around = 0.5 - torch.atan2(y, space.x.abs().clamp(min=1.0)) / torch.pi
    rib = (patient.apex_z - _FIRST_RIB_BELOW_APEX - space.z - _RIB_DROP * around) / RIB_SPACING_MM
    distance = distance - _INTERCOSTAL_BULGE * torch.cos(2 * torch.pi * (rib - 0.5))
    above = space.z - patient.apex_z
    distance = torch.maximum(distance, above)
    return Cage(distance, around, rib, middle + depth)


def abdomen(space: Space, patient: Patient) -> Tensor:
    """Return the distance to what lies below the diaphragm: both domes, bridged by the central tendon."""
    w, d = patient.half_width, patient.half_depth
    parts = []
    for side, top, reach in ((-0.47, patient.dome_z[0], 0.60), (0.50, patient.dome_z[1], 0.57)):
        height = (top - patient.base_z) * _PAST_DOME
        centre = (side * w, 3.0, top - height)
        dome = ellipsoid(space, centre, (reach * w, 1.02 * d, height))
        below = space.z - centre[2]
        parts.append(torch.where(below < 0, torch.minimum(dome, below.abs().neg()), dome))
    return smooth_union(parts[0], parts[1], _TENDON_MM)
