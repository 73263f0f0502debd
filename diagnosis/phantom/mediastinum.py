"""Heart, great vessels and the tissue around them: what lies between the lungs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from diagnosis.phantom.lung_map import Point
from diagnosis.phantom.patient import Patient
from diagnosis.phantom.randomness import Axes, Randomness
from diagnosis.phantom.solids import Space, capsule, ellipsoid, ellipsoids, smooth_union, tube

_BODY_RADIUS = 17.0
"""Of a vertebral body."""
_SPINE_INSET = 22.0
"""From the back wall of the cage to the middle of the vertebral bodies."""


@dataclass(frozen=True, slots=True)
class Mediastinum:
    """Distances ``[z, y, x]``, negative inside. ``outside`` is the pleural surface of all of it."""

    outside: Tensor
    heart: Tensor
    chambers: Tensor
    """Blood inside the heart."""
    vessels: Tensor
    """Blood in the great vessels, walls included."""
    oesophagus: Tensor
    nodes: Tensor
    """Lymph nodes and what is left of the thymus."""
    midline: Tensor
    """x of the sheet between the lungs: what lies to the right of it is right lung."""


def spine_y(back_y: Tensor) -> Tensor:
    """Return where the middle of the vertebral bodies lies, front to back, on each level."""
    return back_y - _SPINE_INSET


def carina(patient: Patient) -> Point:
    """Return where the trachea divides."""
    return 2.0, patient.half_depth - _SPINE_INSET - _BODY_RADIUS - 22.0, 0.0


def trachea_top(patient: Patient) -> Point:
    """Return where the trachea leaves the chest upwards."""
    return 0.0, 0.32 * patient.half_depth - 14.0, patient.apex_z + 55.0


def hila(patient: Patient) -> dict[int, Point]:
    """Return where bronchus and artery enter the right (1) and the left (2) lung."""
    d = patient.half_depth
    return {1: (-41.0, 0.10 * d, -20.0), 2: (40.0, 0.14 * d, -13.0)}


def mediastinum(
    space: Space, axes: Axes, patient: Patient, back_y: Tensor, randomness: Randomness
) -> Mediastinum:
    """Return heart, vessels, oesophagus, nodes and their common envelope of fat."""
    heart, chambers = _heart(space, patient)
    vessels = _great_vessels(space, patient)
    spine = ((space.x - _bend(space, patient)) ** 2 + (space.y - spine_y(back_y)) ** 2).sqrt_() - _BODY_RADIUS
    x, y = space.x - 5.0, space.y - (spine_y(back_y) - _BODY_RADIUS - 10.0)
    oesophagus = (x * x + (1.3 * y) ** 2).sqrt_() - 8.0
    cx, cy, _ = carina(patient)
    tx, ty, tz = trachea_top(patient)
    airway = tube(space, [(tx, ty, tz), (cx, cy, 0.0), (cx, cy + 6.0, -22.0)], [13.0, 14.0, 10.0])
    bronchi = torch.minimum(
        *(capsule(space, (cx, cy, 2.0), hilum, 9.5, 9.0) for hilum in hila(patient).values())
    )
    rough = randomness.stream("surface").smooth_field(axes, 16.0, space.x.device)
    outside = smooth_union(heart - 0.8 * patient.mediastinal_fat, vessels - 3.5, 24.0)
    outside = smooth_union(outside, torch.minimum(airway, bronchi), 22.0)
    outside = smooth_union(outside, torch.minimum(spine - 5.0, oesophagus - 2.0), 20.0)
    k, d = patient.heart_scale, patient.half_depth
    below_carina: Point = (2.0, 0.10 * d, 4.0)
    above_heart: Point = (0.0, 0.04 * d, patient.heart_z + 22 * k)
    outside = smooth_union(outside, capsule(space, above_heart, below_carina, 27 * k, 25.0), 16.0)
    core, midline = _core(space, axes, patient, randomness)
    outside = smooth_union(outside, core, 10.0)
    return Mediastinum(
        outside.add_(rough), heart, chambers, vessels, oesophagus,
        _nodes(space, patient, randomness), midline,
    )  # fmt: skip


def _bend(space: Space, patient: Patient) -> Tensor:
    return patient.spine_bend * torch.sin(space.z / 70.0)


def _heart(space: Space, patient: Patient) -> tuple[Tensor, Tensor]:
    """Four chambers around an axis that points to the left, the front and below."""
    k, d, z = patient.heart_scale, patient.half_depth, patient.heart_z
    left = capsule(space, (8 * k, 0.02 * d, z + 20 * k), (50 * k, -0.40 * d, z - 14 * k), 33 * k, 25 * k)
    right_ventricle = ellipsoid(space, (14 * k, -0.46 * d, z - 2 * k), (42 * k, 27 * k, 34 * k))
    right_atrium = ellipsoid(space, (-24 * k, -0.20 * d, z + 6 * k), (29 * k, 32 * k, 38 * k))
    left_atrium = ellipsoid(space, (1.0, 0.16 * d, z + 25 * k), (33 * k, 19 * k, 21 * k))
    heart = smooth_union(left, right_ventricle, 16.0)
    heart = smooth_union(heart, smooth_union(right_atrium, left_atrium, 14.0), 16.0)
    chambers = torch.minimum(
        torch.minimum(left + 12.0 * k, right_ventricle + 5.0 * k),
        torch.minimum(right_atrium + 4.0, left_atrium + 4.0),
    )
    return heart, chambers


def _great_vessels(space: Space, patient: Patient) -> Tensor:
    k, d, z = patient.heart_scale, patient.half_depth, patient.heart_z
    a, back = patient.aorta, 0.98 * patient.half_depth - _SPINE_INSET - _BODY_RADIUS
    top = patient.apex_z
    (rx, ry, rz), (lx, ly, lz) = hila(patient).values()
    paths: list[tuple[list[Point], list[float]]] = [
        (
            [(2, -0.15 * d, z + 35 * k), (-9, -0.28 * d, -6), (-7, -0.22 * d, 26), (4, -0.04 * d, 40),
             (17, 0.24 * d, 38), (23, back + 2, 20), (22, back + 4, -20), (17, back + 2, -80),
             (6, back - 4, patient.base_z - 20)],
            [1.3 * a, 1.3 * a, 1.25 * a, 1.15 * a, 1.1 * a, 1.05 * a, a, 0.95 * a, 0.85 * a],
        ),
        ([(-26, -0.32 * d, 62), (-27, -0.22 * d, 10), (-24, -0.18 * d, z + 30 * k)], [9, 9.5, 10]),
        ([(20, -0.42 * d, z + 36 * k), (16, -0.28 * d, -12), (10, -0.1 * d, -10)], [14, 14, 13]),
        ([(10, -0.1 * d, -11), (-18, -0.04 * d, -15), (rx, ry - 9, rz)], [12, 10.5, 8]),
        ([(12, -0.1 * d, -8), (29, 0.08 * d, 0), (lx, ly + 3, lz + 4)], [12, 10.5, 8]),
        ([(-4, -0.2 * d, 40), (-14, -0.18 * d, 70), (-30, -0.05 * d, top + 30)], [6.5, 6.5, 5]),
        ([(8, -0.06 * d, 42), (15, -0.06 * d, 75), (20, -0.05 * d, top + 40)], [4.5, 4.2, 4]),
        ([(18, 0.1 * d, 42), (25, 0.12 * d, 68), (62, 0.0, top + 4)], [5.5, 5, 4.5]),
        ([(-24, -0.36 * d, 56), (20, -0.4 * d, 62), (48, -0.25 * d, top - 5)], [7, 6.5, 6]),
        ([(-8, back + 12, 10), (-9, back + 13, -120)], [3.5, 3.5]),
        ([(-20, -0.04 * d, z - 10), (-20, 0.05 * d, patient.dome_z[0] - 60)], [12, 11]),
    ]  # fmt: skip
    nearest = tube(space, *paths[0])
    for path, radii in paths[1:]:
        torch.minimum(nearest, tube(space, path, radii), out=nearest)
    return nearest


def _core(space: Space, axes: Axes, patient: Patient, randomness: Randomness) -> tuple[Tensor, Tensor]:
    """The sheet between the lungs: thin and wavy before the heart, wide behind the breast bone and above."""
    d = patient.half_depth
    wander = randomness.stream("junction").smooth_field(axes, 80.0, space.x.device)
    swell = randomness.stream("swell").smooth_field(axes, 40.0, space.x.device)
    behind = torch.sigmoid((space.y + 0.18 * d) / (0.09 * d))
    above = torch.sigmoid((space.z - 34.0) / 12.0)
    sternal = torch.exp(-(((space.y + d) / (7.0 + 1.6 * patient.mediastinal_fat)) ** 2))
    half = 1.2 + 0.35 * patient.mediastinal_fat + 15.0 * behind + 20.0 * above
    half = (half + (6.0 + patient.mediastinal_fat) * sternal) * (1.0 + 0.3 * swell).clamp_(min=0.35)
    midline = 2.0 + 5.0 * wander * (1.0 - behind)
    return (space.x - midline).abs_() - half, midline


def _nodes(space: Space, patient: Patient, randomness: Randomness) -> Tensor:
    """A dozen lymph nodes beside the trachea, under the carina and at the hila, and thymic strands."""
    d = patient.half_depth
    rng = randomness.stream("nodes").numpy
    cx, cy, _ = carina(patient)
    stations = [
        (cx - 17, cy - 4, 24), (cx - 18, cy - 6, 42), (cx + 17, cy - 8, 14), (cx, cy + 4, -18),
        (cx - 6, -0.3 * d, 52), (cx + 10, -0.34 * d, 48), (-36, 0.02 * d, -24), (36, 0.06 * d, -16),
        (cx + 14, -0.15 * d, 20), (-6, -0.66 * d, 18), (6, -0.66 * d, 4), (-2, -0.64 * d, 34),
    ]  # fmt: skip
    found: list[tuple[Point, Point]] = []
    for place in stations:
        x, y, z = (float(c + rng.normal(0, 3)) for c in place)
        rx, ry, rz = (float(r) for r in rng.uniform((2.5, 2.0, 3.5), (5.5, 4.0, 8.0)))
        found.append(((x, y, z), (rx, ry, rz)))
    return ellipsoids(space, found)
