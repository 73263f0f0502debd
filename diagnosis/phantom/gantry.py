"""Where the body lies in the scanner: table, profile of the noise, cupping, circle of the image."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from diagnosis.phantom.grid import Grid
from diagnosis.phantom.scanners import Scanner, Table

_AIR_HU = -1000.0
_SHELL_HU, _SHELL_MM = -420.0, 2.2
_CORE_HU = -955.0
_MATTRESS_HU = -925.0
_SAG_MM = 34.0
"""How much higher the sides of a curved table are than its middle."""
_EDGE_NOISE, _CENTRE_NOISE = 0.5, 1.0
"""Noise far outside the body and in its middle: rays through the middle are attenuated most."""
_FEWEST_PIXELS = 3


@dataclass(frozen=True, slots=True)
class Gantry:
    """Planes ``[y, x]`` that are the same for all slices."""

    table: Tensor
    """HU of table and mattress, air elsewhere."""
    noise: Tensor
    """Standard deviation relative to the middle of the body."""
    depth: Tensor
    """1 in the middle of the body, 0 at its surface and outside."""
    outside: Tensor
    """bool, outside the circle of reconstruction."""


def gantry_around(body: Tensor, grid: Grid, scanner: Scanner) -> Gantry:
    """Return the planes for a body, bool ``[z, y, x]``. Raises ValueError when there is no body."""
    bounds = _bounds(body)
    top, bottom, right, left = bounds
    _, y, x = (axis.to(grid.device) for axis in grid.axes())
    rows, columns = y[:, None], x[None, :]
    _, step_y, step_x = grid.spacing_mm
    middle_y = grid.first_mm[1] + (top + bottom) / 2 * step_y
    middle_x = grid.first_mm[2] + (right + left) / 2 * step_x
    half_y, half_x = max(bottom - top, 2) / 2 * step_y, max(left - right, 2) / 2 * step_x
    square = ((rows - middle_y) / half_y) ** 2 + ((columns - middle_x) / half_x) ** 2
    back = grid.first_mm[1] + (bottom + 0.5) * step_y
    return Gantry(
        table=_table(rows - back, columns - middle_x, scanner.table, step_y),
        noise=_EDGE_NOISE + (_CENTRE_NOISE - _EDGE_NOISE) * torch.exp(-0.55 * square),
        depth=(1 - square).clamp_(min=0.0),
        outside=_outside(grid),
    )


def _bounds(body: Tensor) -> tuple[int, int, int, int]:
    """First and last row, first and last column of the body; a few stray pixels do not count."""
    flat = body.sum(dim=0, dtype=torch.float32) > 0
    limits: list[int] = []
    for axis in (1, 0):
        taken = torch.nonzero(flat.sum(dim=axis) >= _FEWEST_PIXELS).flatten()
        if not len(taken):
            raise ValueError("there is no body to image")
        limits += [int(taken[0]), int(taken[-1])]
    return limits[0], limits[1], limits[2], limits[3]


def _table(below: Tensor, aside: Tensor, table: Table, pixel_mm: float) -> Tensor:
    """HU by the distance below the back and aside of the middle; shells thinner than a pixel are averaged."""
    inside = ((table.half_width_mm - aside.abs()) / pixel_mm + 0.5).clamp(0.0, 1.0)
    relative = (aside / table.half_width_mm).clamp(-1.0, 1.0)
    sag = _SAG_MM * relative**2 if table.shape == "curved" else 6.0 * relative**8
    top = below + sag - table.gap_mm
    taper = 1 - 0.45 * relative**2
    upper = _band(top, 0.0, _SHELL_MM, pixel_mm)
    bottom = table.thickness_mm * taper
    lower = _band(top - bottom, -_SHELL_MM, 0.0, pixel_mm)
    core = (((top - _SHELL_MM) / pixel_mm + 0.5).clamp(0.0, 1.0)) * (
        ((bottom - _SHELL_MM - top) / pixel_mm + 0.5).clamp(0.0, 1.0)
    )
    mattress = _band(top, -table.gap_mm, 0.0, pixel_mm) if table.gap_mm else torch.zeros_like(core)
    material = (
        (_SHELL_HU - _AIR_HU) * torch.maximum(upper, lower)
        + (_CORE_HU - _AIR_HU) * core
        + (_MATTRESS_HU - _AIR_HU) * mattress
    )
    return _AIR_HU + inside * material


def _band(distance: Tensor, low: float, high: float, pixel_mm: float) -> Tensor:
    """Share of a pixel that lies between ``low`` and ``high``."""
    half = pixel_mm / 2
    reach = torch.minimum(distance + half, torch.full_like(distance, high))
    return ((reach - torch.maximum(distance - half, torch.full_like(distance, low))) / pixel_mm).clamp_(
        min=0.0
    )


def _outside(grid: Grid) -> Tensor:
    _, height, width = grid.shape
    _, step_y, step_x = grid.spacing_mm
    y = (torch.arange(height, device=grid.device) - (height - 1) / 2) * step_y
    x = (torch.arange(width, device=grid.device) - (width - 1) / 2) * step_x
    radius = max(height * step_y, width * step_x) / 2
    return y[:, None] ** 2 + x[None, :] ** 2 > radius**2
