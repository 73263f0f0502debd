"""Tissue from surfaces: Hounsfield units of everything but the lungs, slab by slab."""

from __future__ import annotations

from collections.abc import Callable, Mapping

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
_PATTERNS = ("strand", "streak", "organ")
"""Fields that are no surface."""
_SHARED = ("cage", "heart", "bone")
"""Surfaces by which others are cut."""
_BEYOND_MM = 1.0
"""Any layer reaches less far beyond the surface it is named by."""

Surfaces = dict[str, Tensor]
Window = tuple[slice, slice]


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
    in the processor's cache, and only what is near a surface is worked on.
    """
    result = torch.empty(grid.shape, device=grid.device)
    _, height, width = grid.shape
    for start in range(0, grid.shape[0], _SLAB):
        levels = slice(start, start + _SLAB)
        part = {name: values[levels] for name, values in stack.items()}
        windows = {
            name: _window(values, 0.5 * pixel_mm + _BEYOND_MM, factor, (height, width))
            for name, values in part.items()
            if name not in _PATTERNS
        }
        needed = [name for name in part if name in (*_PATTERNS, *_SHARED) or windows[name] is not None]
        fine = torch.stack([part[name] for name in needed], dim=1)
        if factor > 1:
            fine = functional.interpolate(fine, scale_factor=factor, mode="bilinear", align_corners=False)
        fields = dict(zip(needed, fine[:, :, :height, :width].unbind(1), strict=True))
        result[levels] = _composed(_Slab(fields, windows, pixel_mm), patient)
    return result


def _window(distance: Tensor, limit: float, factor: int, shape: tuple[int, int]) -> Window | None:
    """Rows and columns of a grid ``factor`` times finer where the distance may lie below ``limit``."""
    near = distance.amin(dim=0) < limit
    parts = []
    for axis, size in ((1, shape[0]), (0, shape[1])):
        hit = near.any(dim=axis).nonzero()
        if not len(hit):
            return None
        # Between two coarse samples the fine ones mix both.
        parts.append(slice(max(0, (int(hit[0]) - 1) * factor), min(size, (int(hit[-1]) + 2) * factor)))
    return parts[0], parts[1]


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


class _Part:
    """The fields of a slab within a window."""

    def __init__(self, fields: Surfaces, window: Window) -> None:
        self._fields, self._window = fields, window

    def __getitem__(self, name: str) -> Tensor:
        return self._fields[name][:, self._window[0], self._window[1]]


Field = Callable[[_Part], Tensor]


class _Slab:
    """A few levels of the fields, and the HU painted on them so far."""

    def __init__(self, fields: Surfaces, windows: Mapping[str, Window | None], pixel_mm: float) -> None:
        strand, organ = fields["strand"], fields["organ"]
        self.hu = torch.full_like(strand, AIR_HU)
        self._fields = fields | {"fat": FAT_HU + 7.0 * organ + 45.0 * (strand.abs() < 0.05)}
        self._windows, self._pixel_mm = windows, pixel_mm

    def fill(self, name: str, value: Field | float, distance: Field | None = None) -> None:
        """Fill what lies inside surface ``name``, or inside ``distance``, which reaches at most _BEYOND_MM
        beyond it; HU from ``value``."""
        window = self._windows[name]
        if window is None:
            return
        at = _Part(self._fields, window)
        share = coverage(distance(at) if distance else at[name], self._pixel_mm)
        hu = self.hu[:, window[0], window[1]]
        hu.add_(share.mul_((value(at) if callable(value) else value) - hu))


def _composed(slab: _Slab, patient: Patient) -> Tensor:
    """Layers from the outside in; each covers what it fills."""
    slab.fill("skin", SKIN_HU)
    slab.fill("skin", _fat, lambda at: at["skin"] + _SKIN_MM)
    if patient.breast:
        slab.fill(
            "breasts",
            lambda at: 28.0 + 10.0 * at["organ"],
            lambda at: torch.maximum(at["breasts"] + 7.0, 9.0 * (0.35 - at["strand"])),
        )
    slab.fill("device", METAL_HU)
    slab.fill("muscle", _muscle)
    slab.fill("cage", _fat)
    _fill_abdomen(slab)
    _fill_mediastinum(slab, patient)
    slab.fill("fluid", lambda at: FLUID_HU + 2.0 * at["organ"])
    slab.fill("discs", lambda at: DISC_HU + 8.0 * at["strand"])
    slab.fill("canal", CANAL_HU, lambda at: torch.maximum(at["canal"], -at["bone"]))
    slab.fill("cartilage", lambda at: CARTILAGE_HU + 12.0 * at["organ"])
    slab.fill("bone", lambda at: CORTICAL_HU + 80.0 * at["organ"])
    slab.fill(
        "bone",
        lambda at: CANCELLOUS_HU + 45.0 * at["strand"] + 20.0 * at["organ"],
        lambda at: at["bone"] + _CORTEX_MM,
    )
    return slab.hu


def _fat(at: _Part) -> Tensor:
    return at["fat"]


def _muscle(at: _Part) -> Tensor:
    between = (at["streak"].abs() < 0.12) & (at["cage"] > 12.0)
    return torch.where(between, -70.0, MUSCLE_HU + 6.0 * at["strand"])


def _fill_abdomen(slab: _Slab) -> None:
    def inside(at: _Part) -> Tensor:
        return torch.maximum(at["abdomen"], at["cage"])

    slab.fill("abdomen", MUSCLE_HU, inside)
    slab.fill("abdomen", _fat, lambda at: inside(at) + _DIAPHRAGM_MM)
    slab.fill("liver", lambda at: LIVER_HU + 3.0 * at["organ"] + 3.0 * at["strand"])
    slab.fill("spleen", lambda at: SPLEEN_HU + 3.0 * at["strand"])
    slab.fill("stomach", lambda at: STOMACH_HU + 14.0 * at["strand"])
    slab.fill("gas", GAS_HU)


def _fill_mediastinum(slab: _Slab, patient: Patient) -> None:
    """Nodes, oesophagus, heart in its fat, and blood; calcium in some walls."""

    def blood(at: _Part) -> Tensor:
        return blood_hu(patient) + 4.0 * at["organ"]

    def muscle_of_heart(at: _Part) -> Tensor:
        groove = 2.0 + (0.45 * patient.mediastinal_fat) * (1.0 + at["organ"]).clamp(min=0.0)
        return at["heart"] + groove

    slab.fill("nodes", lambda at: NODE_HU + 8.0 * at["strand"])
    slab.fill("oesophagus", lambda at: OESOPHAGUS_HU + 6.0 * at["strand"])
    slab.fill(
        "oesophagus",
        lambda at: torch.where(at["strand"] > 1.2, -700.0, OESOPHAGUS_HU),
        lambda at: at["oesophagus"] + 6.0,
    )
    slab.fill("heart", lambda at: at["fat"] + 10.0)
    slab.fill(
        "heart",
        lambda at: MYOCARDIUM_HU + (0.25 * patient.contrast_hu) + 4.0 * at["strand"],
        muscle_of_heart,
    )
    slab.fill("chambers", blood, lambda at: torch.maximum(at["chambers"], muscle_of_heart(at) + 1.5))
    slab.fill("vessels", 44.0)
    slab.fill("vessels", blood, lambda at: at["vessels"] + 1.6)
    if patient.calcium:
        slab.fill("vessels", lambda at: CALCIUM_HU + 100.0 * at["strand"], _spots)


def _spots(at: _Part) -> Tensor:
    """Calcium in patches of the walls of vessels."""
    return torch.maximum((at["vessels"] + 1.0).abs() - 1.2, 5.0 * (1.55 - at["strand"]))
