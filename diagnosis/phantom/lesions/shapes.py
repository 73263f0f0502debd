"""Balls and plates of tissue with partial volume at their borders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from diagnosis.phantom.lesions.canvas import Canvas
from diagnosis.phantom.lesions.lattice import Box, axes_in
from diagnosis.phantom.lesions.places import Floats
from diagnosis.phantom.randomness import Randomness

_WAVES = 7
"""Plane waves that make a ball uneven: few enough to be quick, enough to look like no pattern."""


@dataclass(frozen=True, slots=True)
class Ball:
    """A ball around ``centre`` (z, y, x mm) whose radius wavers by the share ``roughness``."""

    centre: Floats
    radius_mm: float
    roughness: float = 0.0


@dataclass(frozen=True, slots=True)
class Plate:
    """A round plate, bent to a bowl of radius ``bend_mm``; ``normal`` is a unit vector (z, y, x)."""

    centre: Floats
    normal: Floats
    radius_mm: float
    thickness_mm: float
    bend_mm: float


def ball_coverage(canvas: Canvas, ball: Ball, randomness: Randomness) -> tuple[Box, Tensor] | None:
    """Return the box of a ball and the share of each voxel inside, or None when it lies elsewhere."""
    reach = ball.radius_mm * (1.0 + 2.0 * ball.roughness) + np.array(canvas.grid.spacing_mm)
    box = canvas.box_of_mm(ball.centre - reach, ball.centre + reach)
    if box is None:
        return None
    z, y, x = _from(canvas, box, ball.centre)
    distance = (z * z + y * y + x * x).sqrt().clamp_(min=1e-3)
    dz, dy, dx = canvas.grid.spacing_mm
    blur = ((z * dz) ** 2 + (y * dy) ** 2 + (x * dx) ** 2).sqrt_().div_(distance).clamp_(min=min(dy, dx))
    radius: Tensor | float = ball.radius_mm
    if ball.roughness:
        radius = ball.radius_mm * (1.0 + ball.roughness * _waves(z, y, x, ball.radius_mm, randomness))
    return box, (0.5 + (radius - distance) / blur).clamp_(0.0, 1.0)


def plate_coverage(canvas: Canvas, plate: Plate) -> tuple[Box, Tensor] | None:
    """Return the box of a plate and the share of each voxel inside, or None when it lies elsewhere."""
    reach = np.full(3, plate.radius_mm + plate.thickness_mm)
    box = canvas.box_of_mm(plate.centre - reach, plate.centre + reach)
    if box is None:
        return None
    z, y, x = _from(canvas, box, plate.centre)
    nz, ny, nx = plate.normal.tolist()
    along = nz * z + ny * y + nx * x
    across = (z * z + y * y + x * x - along * along).clamp_(min=0.0)
    off = (along - across / (2.0 * plate.bend_mm)).abs_()
    # A plate thinner than what a voxel spans along its normal fills only a part of it.
    span = float(np.abs(plate.normal) @ np.array(canvas.grid.spacing_mm))
    half = plate.thickness_mm / 2
    upper = (off + half).clamp(max=span / 2)
    share = (upper - (off - half).clamp(min=-span / 2)) / span
    rim = (0.5 + (plate.radius_mm - across.sqrt_()) / 6.0).clamp_(0.0, 1.0)
    return box, share.clamp_(0.0, 1.0) * rim


def _from(canvas: Canvas, box: Box, centre: Floats) -> tuple[Tensor, Tensor, Tensor]:
    z, y, x = (axis - float(middle) for axis, middle in zip(axes_in(canvas.axes, box), centre, strict=True))
    return z[:, None, None], y[None, :, None], x[None, None, :]


def _waves(z: Tensor, y: Tensor, x: Tensor, radius_mm: float, randomness: Randomness) -> Tensor:
    """Noise of variance 1 over the surface of a ball, about five bumps around it."""
    random = randomness.numpy
    total = torch.zeros_like(z + y + x)
    for _ in range(_WAVES):
        direction = random.normal(size=3)
        direction *= random.uniform(1.5, 4.5) / np.linalg.norm(direction) / radius_mm
        a, b, c = direction.tolist()
        total += torch.cos(a * z + b * y + c * x + random.uniform(0.0, 2 * np.pi))
    return total.mul_((2.0 / _WAVES) ** 0.5)
