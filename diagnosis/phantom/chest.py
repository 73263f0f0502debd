"""The healthy chest on the voxel grid: tissue, lungs, vessels and airways before disease and scanner."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from diagnosis.phantom.airways import (
    airway_tensors,
    central_airways,
    main_airways,
    with_walls,
)
from diagnosis.phantom.anatomy import Anatomy, anatomy
from diagnosis.phantom.fissures import Fissures, lobes_of, nearest_fissure
from diagnosis.phantom.grid import Grid
from diagnosis.phantom.patient import Patient
from diagnosis.phantom.randomness import Axes, Randomness
from diagnosis.phantom.rasteriser import capsules
from diagnosis.phantom.refining import Factors, refined, surface_factors, tissue_factor
from diagnosis.phantom.solids import coverage
from diagnosis.phantom.tissue import blood_hu, surfaces, tissue_hu
from diagnosis.phantom.tree import Tree
from diagnosis.phantom.vessels import Vasculature

LUMEN_HU, WALL_HU = -985.0, 15.0
_FISSURE_HU, _FISSURE_MM = 420.0, 0.6
_TEXTURE = ((5.0, 11.0), (17.0, 11.0), (70.0, 13.0))
"""Wavelength in mm and standard deviation in HU of the lung's own pattern."""
_TEXTURE_REACH_MM = (175.0, 130.0, 165.0)
_MARGIN_MM = 5.0
_MAIN_AIRWAY_SHARE = 0.5

Box = tuple[slice, slice, slice]


@dataclass(slots=True)
class Chest:
    """A chest on ``grid``; tensors ``[z, y, x]`` on the grid's device.

    ``hu`` is what an ideal scanner would see. ``lungs`` (1 right, 2 left) and ``lobes`` (1..5) include
    vessels and small airways, not trachea, main bronchi or effusion. ``depth_mm`` is the distance to the
    lung's surface and ``costal_mm`` to the chest wall, both positive inside. ``vessels``, ``lumen`` and
    ``airway_walls`` are partial volumes 0..1 inside the lungs. ``parenchyma_hu`` is the lung without vessels,
    meaningful in the lungs only.
    """

    grid: Grid
    hu: Tensor
    lungs: Tensor
    lobes: Tensor
    depth_mm: Tensor
    costal_mm: Tensor
    vessels: Tensor
    lumen: Tensor
    airway_walls: Tensor
    effusion: Tensor
    body: Tensor
    vasculature: Vasculature
    parenchyma_hu: Tensor


def build_chest(
    patient: Patient,
    effusion_mm: tuple[float, float],
    vasculature: Vasculature,
    grid: Grid,
    randomness: Randomness,
) -> Chest:
    """Image a patient without disease, except that pleural fluid has already pushed the lungs away."""
    factors = surface_factors(grid.spacing_mm)
    found = anatomy(patient, effusion_mm, grid.coarser(factors), randomness)
    hu, body = _tissue(found, patient, grid, factors, randomness.stream("tissue"))
    chest = _empty(grid, hu, body, vasculature)
    if found.cavity.has_fluid:
        chest.effusion = refined(found.cavity.fluid, factors, grid.shape) < 0
    share, box = _fill_lungs(chest, found, factors)
    chest.parenchyma_hu[box] = _parenchyma(patient, grid, box, randomness.stream("texture"))
    lined = chest.parenchyma_hu[box] + _fissure_lines(found, factors, chest.lungs, box)
    chest.hu[box] += (lined - chest.hu[box]) * share[box]
    _draw_vessels(chest, share, box, blood_hu(patient))
    _draw_airways(chest)
    return chest


def _tissue(
    found: Anatomy, patient: Patient, grid: Grid, factors: Factors, randomness: Randomness
) -> tuple[Tensor, Tensor]:
    """HU without lungs on the voxel grid, and what lies inside the skin."""
    stack = surfaces(found, patient, randomness)
    if factors[0] > 1:
        depth = (grid.shape[0], *found.cavity.lungs.shape[1:])
        stack = {name: refined(values, (factors[0], 1, 1), depth) for name, values in stack.items()}
    fine = tissue_factor(grid.spacing_mm[1])
    middle = grid.coarser((1, fine, fine))
    hu = tissue_hu(stack, patient, middle.spacing_mm[1], middle, factors[1] // fine)
    skin = refined(stack["skin"], (1, *factors[1:]), grid.shape)
    return refined(hu, (1, fine, fine), grid.shape).contiguous(), skin < 0


def _box(mask: Tensor) -> Box:
    """The smallest box that holds the mask."""
    sides = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        hit = mask.any(dim=others[1]).any(dim=others[0]).nonzero()
        sides.append(slice(int(hit[0]), int(hit[-1]) + 1) if len(hit) else slice(0, 0))
    return sides[0], sides[1], sides[2]


def _empty(grid: Grid, hu: Tensor, body: Tensor, vasculature: Vasculature) -> Chest:
    def zeros(dtype: torch.dtype) -> Tensor:
        return torch.zeros(grid.shape, dtype=dtype, device=grid.device)

    number, label = torch.float32, torch.uint8
    return Chest(
        grid=grid, hu=hu, lungs=zeros(label), lobes=zeros(label), depth_mm=zeros(number),
        costal_mm=zeros(number), vessels=zeros(number), lumen=zeros(number), airway_walls=zeros(number),
        effusion=zeros(torch.bool), body=body, vasculature=vasculature, parenchyma_hu=zeros(number),
    )  # fmt: skip


def _fill_lungs(chest: Chest, found: Anatomy, factors: Factors) -> tuple[Tensor, Box]:
    """Set lungs, lobes and distances; return how much of each voxel is lung, and the box of the lungs.

    The share of a voxel on the surface follows how far the surface runs across it: a dome cut by a thick
    slice blurs over many pixels, the costal wall does not.
    """
    grid = chest.grid

    def fine(values: Tensor) -> Tensor:
        return refined(values, factors, grid.shape)

    chest.depth_mm = fine(found.cavity.lungs).neg_()
    chest.costal_mm = fine(found.cavity.cage.distance).neg_()
    share = coverage(-chest.depth_mm, fine(_width(found.cavity.lungs, found.grid, grid)))
    box = _box(share > 0)
    inside = chest.depth_mm[box] > 0
    right = inside & (fine(found.cavity.space.x - found.cavity.mediastinum.midline)[box] < 0)
    left = inside & ~right
    chest.lungs[box] = right.to(torch.uint8) + 2 * left.to(torch.uint8)
    lines = found.cavity.fissures
    oblique = (fine(lines.oblique[0])[box], fine(lines.oblique[1])[box])
    chest.lobes[box] = lobes_of(Fissures(oblique, fine(lines.minor)[box], lines.seen), right, left)
    return share, box


def _width(distance: Tensor, coarse: Grid, grid: Grid) -> Tensor:
    """How far a surface reaches across a voxel, in mm: one pixel, more where slices cut it flat."""
    along_z = torch.gradient(distance, spacing=coarse.spacing_mm[0], dim=0)[0].clamp_(-1.0, 1.0)
    return (along_z * grid.spacing_mm[0]).square_().add_(grid.spacing_mm[1] ** 2).sqrt_()


def _parenchyma(patient: Patient, grid: Grid, box: Box, randomness: Randomness) -> Tensor:
    """Lung between vessels in the box: denser at the back, with the pattern of lobules and of perfusion."""
    fine = tissue_factor(grid.spacing_mm[1])
    middle = grid.coarser((1, fine, fine))
    z, y, x = middle.axes()
    rows = slice(box[1].start // fine, -(-box[1].stop // fine))
    columns = slice(box[2].start // fine, -(-box[2].stop // fine))
    part: Axes = (z[box[0]], y[rows], x[columns])
    back = (part[1] / (2 * patient.half_depth) + 0.5).clamp(0.0, 1.1) ** 1.4
    hu = (patient.lung_hu + patient.gravity_hu * back).view(1, -1, 1).repeat(len(part[0]), 1, len(part[2]))
    for wavelength, deviation in _TEXTURE:
        field = randomness.stream(str(wavelength)).smooth_field(
            part, wavelength, grid.device, reach_mm=_TEXTURE_REACH_MM
        )
        hu.add_(field, alpha=deviation * patient.texture_hu)
    shape = (hu.shape[0], fine * hu.shape[1], fine * hu.shape[2])
    whole = refined(hu, (1, fine, fine), shape)
    top, first = box[1].start - rows.start * fine, box[2].start - columns.start * fine
    height, width = box[1].stop - box[1].start, box[2].stop - box[2].start
    return whole[:, top : top + height, first : first + width]


def _fissure_lines(found: Anatomy, factors: Factors, lungs: Tensor, box: Box) -> Tensor:
    """HU that the fissures add in the box: their thickness over the width a slice spreads them to."""
    shape = (lungs.shape[0], lungs.shape[1], lungs.shape[2])
    side = torch.where(found.cavity.space.x < found.cavity.mediastinum.midline, 1, 2)
    distance = nearest_fissure(found.cavity.fissures, side)
    width = refined(_width(distance, found.grid, _grid_of(found, factors)), factors, shape)[box]
    near = coverage(refined(distance, factors, shape)[box] - 0.5 * width, 0.5 * width)
    strength = refined(found.cavity.fissures.seen, factors, shape)[box]
    return near.mul_(strength).mul_(_FISSURE_HU * _FISSURE_MM).div_(width)


def _grid_of(found: Anatomy, factors: Factors) -> Grid:
    """The fine grid's voxel size, from the coarse grid of the surfaces."""
    z, y, x = (step / factor for step, factor in zip(found.grid.spacing_mm, factors, strict=True))
    return Grid(found.grid.shape, (z, y, x), found.grid.first_mm, found.grid.device)


def _draw_vessels(chest: Chest, share: Tensor, box: Box, blood: float) -> None:
    """Vessels fill the blurred rim of the lung too, so that no dark line parts them from the heart."""
    tree = Tree.joined([chest.vasculature.arteries, chest.vasculature.veins])
    drawn, hu = capsules(tree, chest.grid)[box], chest.hu[box]
    hu += (blood - hu).mul_(drawn).mul_(share[box] > 0)
    chest.vessels[box] = drawn.mul_(chest.lungs[box] > 0)


def _draw_airways(chest: Chest) -> None:
    """The whole tree at once; trachea and main bronchi leave the lungs, the rest stays in them.

    Beyond lungs and hilum airways are too small to be where the tree puts them.
    """
    tree = chest.vasculature.airways
    lumen, walls = airway_tensors(tree, chest.grid)
    seen = (chest.lungs > 0) | (capsules(with_walls(central_airways(tree)), chest.grid) > 0)
    chest.lumen, chest.airway_walls = lumen.mul_(seen), walls.mul_(seen)
    chest.hu += (WALL_HU - chest.hu) * chest.airway_walls
    chest.hu += (LUMEN_HU - chest.hu) * chest.lumen
    outside = capsules(with_walls(main_airways(tree)), chest.grid) > _MAIN_AIRWAY_SHARE
    chest.lungs.masked_fill_(outside, 0)
    chest.lobes.masked_fill_(outside, 0)
    chest.vessels.masked_fill_(outside, 0.0)
