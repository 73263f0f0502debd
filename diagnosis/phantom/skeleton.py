"""Bones of the chest from a few formulas: spine, ribs, breast bone, collar bones, shoulder blades."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from diagnosis.phantom.lung_map import Point
from diagnosis.phantom.patient import Patient
from diagnosis.phantom.solids import Space, capsule, ellipsoid
from diagnosis.phantom.thorax import RIB_SPACING_MM, Cage

_LAST_RIB = 11
_RIB_SLOPE_COSINE = 0.9
_RIB_HALF_HEIGHT, _RIB_HALF_THICKNESS = 7.0, 4.2
_RIB_BEHIND_PLEURA = 6.3
_BONE_UNTIL, _CARTILAGE_UNTIL = 0.74, 0.95
_VERTEBRA_MM, _DISC_MM = 23.5, 5.0


@dataclass(frozen=True, slots=True)
class Skeleton:
    """Distances ``[z, y, x]``, negative inside."""

    bone: Tensor
    cartilage: Tensor
    """Of the ribs."""
    discs: Tensor
    canal: Tensor


def skeleton(space: Space, patient: Patient, cage: Cage, spine_y: Tensor) -> Skeleton:
    """Return the bones around a cage; ``spine_y`` is where the vertebral bodies lie front to back."""
    ribs = _ribs(cage)
    beyond = (cage.around - _BONE_UNTIL) * 3.0 * patient.half_depth
    bony_ribs = torch.maximum(ribs, beyond)
    cartilage = torch.maximum(
        torch.maximum(ribs, -beyond), (cage.around - _CARTILAGE_UNTIL) * 3.0 * patient.half_depth
    )
    bodies, discs, canal = _spine(space, patient, spine_y)
    bone = torch.minimum(torch.minimum(bony_ribs, bodies), _breast_bone(space, cage))
    bone = torch.minimum(bone, _shoulders(space, patient, cage))
    return Skeleton(bone, cartilage, discs, canal)


def _ribs(cage: Cage) -> Tensor:
    """All ribs in one formula: the wall unrolled, its height counted in ribs."""
    nearest = cage.rib.round().clamp_(0, _LAST_RIB)
    height = (cage.rib - nearest) * RIB_SPACING_MM * _RIB_SLOPE_COSINE
    across = cage.distance - _RIB_BEHIND_PLEURA
    norm = ((height / _RIB_HALF_HEIGHT) ** 2 + (across / _RIB_HALF_THICKNESS) ** 2).sqrt_()
    return (norm - 1.0) * _RIB_HALF_THICKNESS


def _spine(space: Space, patient: Patient, spine_y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    x = space.x - patient.spine_bend * torch.sin(space.z / 70.0)
    y = space.y - spine_y
    level = (space.z / _VERTEBRA_MM - (space.z / _VERTEBRA_MM).round()).abs_() * _VERTEBRA_MM
    waist = 1.4 * torch.cos(2 * torch.pi * level / _VERTEBRA_MM)
    round_body = ((0.92 * x) ** 2 + (1.12 * y) ** 2).sqrt_() - 17.5 - waist
    between = _VERTEBRA_MM / 2 - _DISC_MM / 2 - level
    bodies = torch.maximum(round_body, -between)
    discs = torch.maximum(round_body + 1.0, between)
    behind = y - 26.0
    canal = (x * x + behind * behind).sqrt_() - 7.5
    arch = (canal - 4.0).abs_() - 2.6
    arch = torch.where(y > 14.0, arch, arch + 20.0)
    spinous = torch.maximum(x.abs() - 3.0, (y - 41.0).abs() - 9.0)
    spinous = torch.maximum(spinous, level - 6.5)
    transverse = torch.maximum((y - 27.0 - 0.18 * x.abs()).abs() - 4.2, (x.abs() - 21.0).abs() - 13.0)
    transverse = torch.maximum(transverse, level - 5.0)
    posterior = torch.minimum(torch.maximum(arch, level - 9.0), torch.minimum(spinous, transverse))
    return torch.minimum(bodies, posterior), discs, canal


def _breast_bone(space: Space, cage: Cage) -> Tensor:
    """Manubrium and body, on the front of the cage."""
    across = (cage.distance - _RIB_BEHIND_PLEURA - 1.5).abs() - 4.6
    wide = space.x.abs() - torch.where(space.z > 18.0, 22.0 + 0.25 * (space.z - 18.0), 17.0)
    long = (space.z + 30.0).abs() - 88.0
    return torch.maximum(torch.maximum(torch.maximum(across, wide), long), space.y)


def _shoulders(space: Space, patient: Patient, cage: Cage) -> Tensor:
    w, d, top = patient.half_width, patient.half_depth, patient.apex_z
    parts = [_blades(space, patient, cage)]
    for side in (-1.0, 1.0):
        inner: Point = (side * 20.0, -0.72 * d, top - 32.0)
        outer: Point = (side * (w + 10.0), -0.25 * d, top + 12.0)
        parts.append(capsule(space, inner, outer, 6.5, 5.5))
        parts.append(ellipsoid(space, (side * (w + 32.0), 0.02 * d, top + 16.0), (25.0, 24.0, 26.0)))
    nearest = parts[0]
    for part in parts[1:]:
        nearest = torch.minimum(nearest, part)
    return nearest


def _blades(space: Space, patient: Patient, cage: Cage) -> Tensor:
    """The shoulder blades: thin plates of muscle-backed bone that lie on the ribs."""
    along = (cage.around - 0.24) / 0.13
    down = (space.z - (patient.apex_z - 62.0)) / 72.0
    rim = ((along * along + down * down).sqrt_() - 1.0) * 35.0
    across = (cage.distance - 19.0 - 5.0 * down.abs()).abs_() - 2.2
    return torch.maximum(across, rim)
