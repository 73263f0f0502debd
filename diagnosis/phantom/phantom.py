"""One synthetic chest CT with voxel truth: patient, disease and scanner, drawn independently."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from diagnosis.labels import ClassName
from diagnosis.phantom.acquisition import acquire, affine_of
from diagnosis.phantom.anatomy import lung_map
from diagnosis.phantom.chest import Chest, build_chest
from diagnosis.phantom.disease import Disease, Kind, draw_disease
from diagnosis.phantom.grid import Grid
from diagnosis.phantom.lesions.painting import Diseased, add_lesions
from diagnosis.phantom.patient import Patient, draw_patient
from diagnosis.phantom.randomness import Randomness
from diagnosis.phantom.scanners import Scanner, draw_scanner, scanner_named, spacing_for
from diagnosis.phantom.vessels import grow_vasculature
from diagnosis.phantom.visibility import visible
from diagnosis.results import INFECTED_VALUES, LOBES
from diagnosis.volume import BoolArray, CTVolume, LabelArray

VERSION = "2"
"""Changes with every change of a phantom's voxels."""
CLASSES: Mapping[Kind, ClassName] = {"np": "NP", "cap": "CAP", "covid": "COVID-19"}
USUAL_SHAPE = (64, 256, 256)
_BELOW_MM, _ABOVE_MM = (4.0, 22.0), (6.0, 34.0)
"""How far a scan reaches beyond the lungs."""
_ROOM = 2.16
"""The field of view spans at least this many half widths of the chest: it may cut the skin, not the lungs."""
_OFF_CENTRE_MM = 9.0
_VESSEL_SHARE = 0.4
_AIRWAY_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class PhantomRequest:
    """What to make. ``severity`` (0..1), ``day`` (of the illness) and ``scanner`` are drawn when None.

    ``shape`` is z, y, x. Seed and kind fix the patient and the course of the disease: another scanner or
    day images the same person.
    """

    seed: int
    kind: Kind
    severity: float | None = None
    day: float | None = None
    scanner: str | None = None
    shape: tuple[int, int, int] = USUAL_SHAPE


@dataclass(frozen=True, slots=True)
class Truth:
    """What is known of a phantom. ``infected_percent`` counts visible voxels only; ``severity`` is 0..1."""

    seed: int
    version: str
    class_name: ClassName
    day: float
    scanner: Scanner
    severity: float
    infected_percent: float
    lung_ml: float
    lobes_ml: Mapping[str, float]
    co_rads: int
    patient: Patient
    disease: Disease


@dataclass(frozen=True, slots=True)
class Phantom:
    """A CT and its truth on the same grid, uint8 and bool ``[z, y, x]``.

    ``lungs`` 1 right, 2 left; ``lobes`` 1..5; ``lesions`` the values of LESIONS, infected ones only where
    they can be seen (the others stand in ``ignore``); ``vessels`` inside the lungs and ``airways`` 1.
    """

    volume: CTVolume
    lungs: LabelArray
    lobes: LabelArray
    lesions: LabelArray
    vessels: LabelArray
    airways: LabelArray
    ignore: BoolArray
    truth: Truth


def make_phantom(request: PhantomRequest, device: torch.device | str = "cpu") -> Phantom:
    """Make the phantom of a request: bit-equal for equal requests on the CPU, within 1 HU elsewhere.

    Raises ValueError for a scanner that does not exist.
    """
    randomness = Randomness(request.seed)
    patient = draw_patient(randomness.stream("patient"))
    disease = draw_disease(request.kind, request.severity, request.day, randomness.stream("disease"))
    scanner = (
        scanner_named(request.scanner) if request.scanner else draw_scanner(randomness.stream("scanner"))
    )
    grid = _grid(patient, scanner, request.shape, torch.device(device), randomness.stream("position"))
    with torch.inference_mode():
        shapes = randomness.stream("anatomy")
        effusion = disease.effusion_depth_mm
        trees = grow_vasculature(
            lung_map(patient, shapes), randomness.stream("vessels"), patient.vessel_calibre
        )
        chest = build_chest(patient, effusion, trees, grid, shapes)
        diseased = add_lesions(chest, disease, randomness.stream("lesions"))
        image = randomness.stream(f"acquisition/{scanner.name}/{disease.day}")
        hu = acquire(diseased.hu, grid, scanner, chest.body, image)
        lesions, ignore = visible(hu, diseased.labels, chest.lungs)
    return Phantom(
        volume=CTVolume(np.ascontiguousarray(hu.cpu().numpy()), affine_of(grid, scanner)),
        lungs=_labels(chest.lungs), lobes=_labels(chest.lobes), lesions=_labels(lesions),
        vessels=_labels(chest.vessels > _VESSEL_SHARE),
        airways=_labels(chest.lumen + chest.airway_walls > _AIRWAY_SHARE),
        ignore=ignore.cpu().numpy(),
        truth=_truth(request.seed, patient, disease, scanner, chest, lesions, diseased),
    )  # fmt: skip


def _grid(
    patient: Patient, scanner: Scanner, shape: tuple[int, int, int], device: torch.device, place: Randomness
) -> Grid:
    """Where the patient lies in the scan: all of the lungs, a little more above and below."""
    low = patient.base_z - place.uniform(*_BELOW_MM)
    high = patient.apex_z + place.uniform(*_ABOVE_MM)
    z, y, x = spacing_for(scanner, shape, high - low)
    wider = max(1.0, _ROOM * patient.half_width / (x * shape[2]))
    y, x = y * wider, x * wider
    shift_y, shift_x = (place.uniform(-_OFF_CENTRE_MM, _OFF_CENTRE_MM) for _ in range(2))
    first = (low + z / 2, shift_y - y * (shape[1] - 1) / 2, shift_x - x * (shape[2] - 1) / 2)
    return Grid(shape, (z, y, x), first, device)


def _labels(values: Tensor) -> LabelArray:
    return np.asarray(values.to(torch.uint8).cpu().numpy())


def _truth(
    seed: int, patient: Patient, disease: Disease, scanner: Scanner, chest: Chest, lesions: Tensor,
    diseased: Diseased,
) -> Truth:  # fmt: skip
    ml = chest.grid.voxel_ml
    lung = chest.lungs > 0
    infected = lung & (lesions >= INFECTED_VALUES[0]) & (lesions <= INFECTED_VALUES[-1])
    voxels = int(lung.sum())
    counts = torch.bincount(chest.lobes.flatten().int(), minlength=max(LOBES) + 1).tolist()
    return Truth(
        seed=seed, version=VERSION, class_name=CLASSES[disease.kind], day=disease.day, scanner=scanner,
        severity=disease.severity, infected_percent=100.0 * int(infected.sum()) / max(voxels, 1),
        lung_ml=voxels * ml, lobes_ml={name: counts[value] * ml for value, name in LOBES.items()},
        co_rads=diseased.co_rads, patient=patient, disease=disease,
    )  # fmt: skip
