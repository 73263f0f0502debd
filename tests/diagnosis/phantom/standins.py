"""A chest of ellipses for the scanner, and a phantom made of it: seconds faster than a drawn patient."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from diagnosis.phantom.acquisition import acquire, affine_of
from diagnosis.phantom.disease import draw_disease
from diagnosis.phantom.grid import Grid
from diagnosis.phantom.patient import draw_patient
from diagnosis.phantom.phantom import VERSION, Phantom, Truth
from diagnosis.phantom.randomness import Randomness
from diagnosis.phantom.scanners import SCANNERS, Scanner
from diagnosis.volume import CTVolume

SMALL = (16, 60, 72)


def grid_of(shape: tuple[int, int, int] = SMALL, fov_mm: float = 400.0, height_mm: float = 300.0) -> Grid:
    """A grid whose middle column is the midline, from the upper abdomen to the shoulders."""
    pixel, step = fov_mm / shape[2], height_mm / shape[0]
    first = (-170.0 + step / 2, -(shape[1] - 1) / 2 * pixel, -(shape[2] - 1) / 2 * pixel)
    return Grid(shape, (step, pixel, pixel), first, torch.device("cpu"))


def water_cylinder(grid: Grid, radius_mm: float = 125.0) -> tuple[Tensor, Tensor]:
    """Water of the diameter for which noise is stated: HU and body."""
    _, y, x = grid.axes()
    disc = y[:, None] ** 2 + x[None, :] ** 2 < radius_mm**2
    body = disc.expand(grid.shape).contiguous()
    return torch.where(body, 0.0, -1000.0), body


def ellipse_chest(grid: Grid) -> tuple[Tensor, Tensor, Tensor]:
    """HU, body and lungs (1 right, 2 left) with heart, domes and wide shoulders."""
    z, y, x = (
        axis.view(shape)
        for axis, shape in zip(grid.axes(), ((-1, 1, 1), (1, -1, 1), (1, 1, -1)), strict=True)
    )
    wider = 60 * torch.sigmoid((z - 90) / 6)
    body = ((x / (150 + wider)) ** 2 + (y / 105) ** 2 < 1).expand(grid.shape).contiguous()
    heart = ((x - 25) / 45) ** 2 + ((y + 20) / 42) ** 2 + ((z + 62) / 45) ** 2 < 1
    lung = (((x.abs() - 70) / 55) ** 2 + (y / 75) ** 2 + (((z - 85).clamp(min=0)) / 20) ** 2 < 1) & ~heart
    lung &= z > -120 + 30 * torch.exp(-(((x.abs() - 70) / 40) ** 2))
    hu = torch.where(body, 45.0, -1000.0)
    hu[lung] = -860.0
    hu[((x.abs() - 185) ** 2 + y**2 < 20**2) & (z > 90)] = 600.0
    side = torch.where(x < 0, 1, 2).expand(grid.shape)
    return hu, body, (side * lung).to(torch.uint8)


def phantom_on(scanner: Scanner, seed: int = 5, shape: tuple[int, int, int] = SMALL) -> Phantom:
    """A phantom of ellipses with a box of ground glass in the right lung, as ``scanner`` images it."""
    grid = grid_of(shape)
    hu, body, lungs = ellipse_chest(grid)
    box = torch.zeros(grid.shape, dtype=torch.bool)
    box[shape[0] // 3 : shape[0] // 2, shape[1] // 3 : shape[1] // 2, shape[2] // 5 : shape[2] // 3] = True
    sick = box & (lungs == 1)
    hu[sick] = -550.0
    image = acquire(hu, grid, scanner, body, Randomness(seed, "acquisition"))
    labels = lungs.numpy()
    lung = labels > 0
    lesions = (sick.numpy() * 1).astype(np.uint8)
    ignore = np.zeros(labels.shape, bool)
    ignore[lesions.any(axis=(1, 2)).argmax(), :, shape[2] // 4] = True
    disease = draw_disease("covid", 0.5, 8.0, Randomness(seed))
    ml = grid.voxel_ml
    truth = Truth(
        seed=seed, version=VERSION, class_name="COVID-19", day=8.0, scanner=scanner, severity=0.5,
        infected_percent=100.0 * float(lesions.sum() / lung.sum()), lung_ml=float(lung.sum()) * ml,
        lobes_ml={"RUL": float((labels == 1).sum()) * ml, "LUL": float((labels == 2).sum()) * ml}, co_rads=4,
        patient=draw_patient(Randomness(seed, "patient")), disease=disease,
    )  # fmt: skip
    volume = CTVolume(image.numpy(), affine_of(grid, scanner))
    return Phantom(
        volume=volume, lungs=labels, lobes=(labels * 2).astype(np.uint8), lesions=lesions,
        vessels=(labels == 2).astype(np.uint8), airways=np.zeros_like(labels), ignore=ignore, truth=truth,
    )  # fmt: skip


def named(name: str, **changes: object) -> Scanner:
    """A named scanner with some parameters changed."""
    return replace(SCANNERS[name], **changes)  # type: ignore[arg-type]
