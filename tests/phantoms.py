"""An asymmetric box chest with known truth, and its export as DICOM and NIfTI. For tests and benchmarks.

Nothing in it is symmetric: the right lung is larger, the left one reaches lower, apices taper, the spine
and the table lie behind, rows and columns differ, so a swapped or mirrored axis always shows.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRBigEndian, ExplicitVRLittleEndian, generate_uid

from diagnosis.volume import Affine, BoolArray, CTVolume, LabelArray

AIR, LUNG, GROUND_GLASS, CONSOLIDATION, SOFT_TISSUE, BONE = -1000, -850, -550, 30, 40, 500
WITHOUT_NETWORKS = {"lungs": {"method": "closed"}, "lobes": {"method": "none"}, "lesions": {"method": "none"}}
"""Options of an analysis by rules alone: what networks make of boxes is not known."""
WIDTH_MM, HEIGHT_MM = 336.0, 224.0
RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])

# (row direction, column direction): the array axes [z, y, x] and signs they walk along, see ``_stored``.
ORIENTATIONS: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "axial head-first": ((1, 0, 0), (0, 1, 0)),
    "feet-first": ((-1, 0, 0), (0, 1, 0)),
    "flipped": ((-1, 0, 0), (0, -1, 0)),
    "upside-down": ((1, 0, 0), (0, -1, 0)),
    "sagittal": ((0, 1, 0), (0, 0, -1)),
    "coronal": ((1, 0, 0), (0, 0, -1)),
}


@dataclass(frozen=True, slots=True)
class ChestPhantom:
    """The volume and everything true of it. All arrays are ``[z, y, x]`` on the volume's grid."""

    volume: CTVolume
    lungs: LabelArray
    """1 right, 2 left; lesions included, trachea not."""
    ground_glass: BoolArray
    """A box in the right lung, lower, posterior."""
    consolidation: BoolArray
    """A box in the left lung, upper, anterior."""
    right_ml: float
    left_ml: float
    ground_glass_ml: float
    consolidation_ml: float

    @property
    def infected_ml(self) -> float:
        return self.ground_glass_ml + self.consolidation_ml

    @property
    def infected_percent(self) -> float:
        return 100.0 * self.infected_ml / (self.right_ml + self.left_ml)


def chest_phantom(
    *, slices: int = 56, size: int = 96, rows: int | None = None, seed: int = 0,
    noise_hu: float = 12.0, lesions: bool = True, trachea: bool = True,
) -> ChestPhantom:  # fmt: skip
    """Make a chest of 336 x 224 mm (x, z) in ``slices`` x ``rows`` x ``size`` voxels.

    By default 56 x 80 x 96 voxels of 4.0 x 3.5 x 3.5 mm, lungs of about 4.3 litres. ``rows`` only widens
    the field of view in front and behind (``rows=size`` for a square image). Noise leaves truth alone.
    """
    rows = rows or round(size * 5 / 6)
    affine = _affine(slices, rows, size)
    z, y, x = _millimetres(slices, rows, size)
    right = _lung(z, y, x, centre_x=-72, half_x=55, half_y=85, base=24, apex=208)
    left = _lung(z, y, x, centre_x=78, half_x=46, half_y=78, base=12, apex=200)
    ground_glass = _box(z, y, x, (48, 88), (30, 65), (-95, -60)) & lesions
    consolidation = _box(z, y, x, (150, 182), (-40, -12), (65, 93)) & lesions

    hu = np.full((slices, rows, size), AIR, np.float32)
    hu[np.broadcast_to(_body(y, x), hu.shape)] = SOFT_TISSUE
    hu[_box(z, y, x, (0, HEIGHT_MM), (60, 95), (-18, 18))] = BONE
    hu[_box(z, y, x, (0, HEIGHT_MM), (122, 130), (-120, 140))] = 120
    hu[right | left] = LUNG
    if trachea:
        hu[((x - 5) ** 2 + (y + 30) ** 2 < 9**2) & (z > 125)] = AIR
    hu[ground_glass], hu[consolidation] = GROUND_GLASS, CONSOLIDATION
    if noise_hu:
        hu += np.random.default_rng(seed).standard_normal(hu.shape, np.float32) * noise_hu
    volume = CTVolume(np.rint(np.maximum(hu, -1024)).astype(np.int16), affine)
    return _with_truth(volume, right, left, ground_glass, consolidation)


def abdomen_phantom(*, slices: int = 40, size: int = 96, seed: int = 0) -> CTVolume:
    """A body without lungs on the grid of the chest phantom: for "no lungs found"."""
    volume = chest_phantom(slices=slices, size=size, seed=seed, lesions=False, trachea=False).volume
    rng = np.random.default_rng(seed)
    hu = volume.hu.copy()
    _, y, x = _millimetres(*volume.shape)
    inside = np.broadcast_to(_body(y, x), hu.shape)
    hu[inside] = rng.normal(SOFT_TISSUE, 12, int(inside.sum())).astype(np.int16)
    return CTVolume(hu, volume.affine)


def _with_truth(
    volume: CTVolume, right: BoolArray, left: BoolArray, ground_glass: BoolArray, consolidation: BoolArray
) -> ChestPhantom:
    ml = volume.voxel_ml
    lungs = (right + 2 * left.astype(np.uint8)).astype(np.uint8)
    return ChestPhantom(
        volume=volume, lungs=lungs, ground_glass=ground_glass, consolidation=consolidation,
        right_ml=float(right.sum()) * ml, left_ml=float(left.sum()) * ml,
        ground_glass_ml=float(ground_glass.sum()) * ml, consolidation_ml=float(consolidation.sum()) * ml,
    )  # fmt: skip


def _affine(slices: int, rows: int, size: int) -> Affine:
    pixel, step = WIDTH_MM / size, HEIGHT_MM / slices
    affine = np.diag([pixel, pixel, step, 1.0])
    affine[:3, 3] = [-(size - 1) * pixel / 2 + 4.0, -(rows - 1) * pixel / 2 - 180.0, -950.0]
    return affine


def _millimetres(slices: int, rows: int, size: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Open grids of millimetres: z from the lowest face up, y and x from the middle of the image."""
    pixel, step = WIDTH_MM / size, HEIGHT_MM / slices
    z = (np.arange(slices) + 0.5) * step
    y = (np.arange(rows) - (rows - 1) / 2) * pixel
    x = (np.arange(size) - (size - 1) / 2) * pixel
    return z[:, None, None], y[None, :, None], x[None, None, :]


def _body(y: NDArray[Any], x: NDArray[Any]) -> BoolArray:
    return np.asarray((x / 155) ** 2 + (y / 110) ** 2 < 1)


def _lung(
    z: NDArray[Any], y: NDArray[Any], x: NDArray[Any],
    *, centre_x: float, half_x: float, half_y: float, base: float, apex: float,
) -> BoolArray:  # fmt: skip
    """An elliptic column that narrows to half its width over the last 40 mm below the apex."""
    taper = np.clip((apex - z) / 40, 0, 1) * 0.5 + 0.5
    inside = ((x - centre_x) / (half_x * taper)) ** 2 + ((y - 5) / (half_y * taper)) ** 2 < 1
    return np.asarray(inside & (z >= base) & (z < apex))


def _box(
    z: NDArray[Any], y: NDArray[Any], x: NDArray[Any],
    z_mm: tuple[float, float], y_mm: tuple[float, float], x_mm: tuple[float, float],
) -> BoolArray:  # fmt: skip
    return np.asarray(
        (z >= z_mm[0]) & (z < z_mm[1]) & (y >= y_mm[0]) & (y < y_mm[1]) & (x >= x_mm[0]) & (x < x_mm[1])
    )


def write_nifti(volume: CTVolume, path: Path) -> Path:
    """Write the volume as a RAS NIfTI file with a scanner sform and qform."""
    affine = RAS_FROM_LPS @ volume.affine
    image = nibabel.Nifti1Image(volume.hu.transpose(2, 1, 0), affine)
    image.set_sform(affine, 1)
    image.set_qform(affine, 1)
    nibabel.save(image, path)
    return path


def write_dicom_series(
    volume: CTVolume, folder: Path, *, patient_id: str = "PHANTOM-1", patient_name: str = "Phantom^Box",
    study_uid: str | None = None, series_uid: str | None = None, order: str = "shuffled",
    orientation: str = "axial head-first", transfer_syntax: str = ExplicitVRLittleEndian,
    slope: float | Sequence[float] = 1.0, intercept: float | Sequence[float] = -1024.0,
    drop: Sequence[int] = (), oblique_degrees: float = 0.0, gantry_tilt_degrees: float = 0.0,
    modality: str = "CT", sop_class: str = CTImageStorage, description: str = "Chest 4.0",
    extra: Mapping[str, Any] | None = None,
) -> list[Path]:  # fmt: skip
    """Write one file per slice and return the paths in the order of their names.

    ``orientation`` is one of ORIENTATIONS. ``order`` ("shuffled", "cranial-first", "caudal-first") sets file
    names and InstanceNumber (first and last slice along the normal for sagittal and coronal).
    ``slope`` and ``intercept`` may hold one value per slice, counted from the first along the normal, as
    may ``drop``, the slices left out. ``oblique_degrees`` turns the whole patient about x; with
    ``gantry_tilt_degrees`` the planes are tilted but the table still moves straight. ``extra`` sets further
    attributes by keyword; None deletes one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    planes, origin, steps = _stored(volume, orientation)
    row, column, step = (_turned(v, oblique_degrees) for v in steps)
    if gantry_tilt_degrees:
        row, column = _turned(row, gantry_tilt_degrees), _turned(column, gantry_tilt_degrees)
    origin = _turned(origin, oblique_degrees)
    count = len(planes)
    slopes, intercepts = np.broadcast_to(slope, count), np.broadcast_to(intercept, count)
    common = _common(modality, sop_class, patient_id, patient_name, study_uid, series_uid, description)
    common.PixelSpacing = [_ds(np.linalg.norm(column)), _ds(np.linalg.norm(row))]
    common.SliceThickness = _ds(np.linalg.norm(step))
    unit_row, unit_column = row / np.linalg.norm(row), column / np.linalg.norm(column)
    common.ImageOrientationPatient = [_ds(v) for v in (*unit_row, *unit_column)]
    kept = [index for index in range(count) if index not in set(drop)]
    numbers = _numbers(kept, order)
    paths = []
    for index in kept:
        dataset = _slice(common, planes[index], float(slopes[index]), float(intercepts[index]))
        dataset.ImagePositionPatient = [_ds(v) for v in origin + index * step]
        dataset.InstanceNumber = numbers[index]
        for keyword, value in (extra or {}).items():
            if value is None:
                delattr(dataset, keyword)
            else:
                setattr(dataset, keyword, value)
        paths.append(_save(dataset, folder / f"IM{numbers[index]:05d}.dcm", transfer_syntax))
    return sorted(paths)


def _stored(
    volume: CTVolume, orientation: str
) -> tuple[NDArray[np.int16], NDArray[Any], tuple[NDArray[Any], NDArray[Any], NDArray[Any]]]:
    """Return planes [slice, row, column], the position of the first pixel and the three steps in mm."""
    row, column = (np.array(v, float) for v in ORIENTATIONS[orientation])
    normal = np.cross(row, column)
    array, start, steps = volume.hu, np.zeros(3), []
    axes = [int(np.argmax(np.abs(v))) for v in (normal, column, row)]  # x, y, z axis numbers
    for axis, direction in zip(axes, (normal, column, row), strict=True):
        sign = direction[axis]
        if sign < 0:
            array = np.flip(array, 2 - axis)
            start[axis] = volume.hu.shape[2 - axis] - 1
        steps.append(volume.affine[:3, axis] * sign)
    origin = volume.affine[:3, :3] @ start + volume.affine[:3, 3]
    planes = np.ascontiguousarray(array.transpose([2 - axis for axis in axes]))
    return planes, origin, (steps[2], steps[1], steps[0])


def _turned(vector: NDArray[Any], degrees: float) -> NDArray[Any]:
    angle = np.radians(degrees)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    return np.asarray(turn @ vector)


def _ds(value: Any) -> str:
    """A decimal string of at most 16 characters (PS3.5 6.2)."""
    return f"{float(value):.9g}"[:16]


def _numbers(kept: Sequence[int], order: str) -> dict[int, int]:
    ranks = np.arange(len(kept))
    if order == "shuffled":
        ranks = np.random.default_rng(7).permutation(len(kept))
    elif order == "cranial-first":
        ranks = ranks[::-1]
    elif order != "caudal-first":
        raise ValueError(f"unknown order {order}")
    return {index: int(rank) + 1 for index, rank in zip(kept, ranks, strict=True)}


def _common(
    modality: str, sop_class: str, patient_id: str, patient_name: str,
    study_uid: str | None, series_uid: str | None, description: str,
) -> Dataset:  # fmt: skip
    common = Dataset()
    common.SOPClassUID, common.Modality = sop_class, modality
    common.PatientID, common.PatientName = patient_id, patient_name
    common.PatientSex, common.PatientBirthDate = "O", "19600102"
    common.StudyInstanceUID = study_uid or generate_uid()
    common.SeriesInstanceUID = series_uid or generate_uid()
    common.FrameOfReferenceUID = generate_uid()
    common.StudyDate, common.StudyTime, common.StudyID = "20200131", "101500", "1"
    common.AccessionNumber, common.SeriesNumber = "A1", 2
    common.StudyDescription, common.SeriesDescription = "CT chest", description
    common.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    common.Manufacturer, common.ManufacturerModelName = "Lungsight", "Box phantom"
    common.ConvolutionKernel, common.BodyPartExamined, common.PatientPosition = "STANDARD", "CHEST", "HFS"
    common.KVP = "120"
    common.RescaleType = "HU"
    common.ContentDate = datetime.date(2020, 1, 31).strftime("%Y%m%d")
    return common


def _slice(common: Dataset, hu: NDArray[np.int16], slope: float, intercept: float) -> Dataset:
    dataset = Dataset()
    dataset.update(common)
    stored = np.rint((hu.astype(float) - intercept) / slope)
    signed = bool(stored.min() < 0)
    dataset.Rows, dataset.Columns = hu.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation = int(signed)
    dataset.RescaleSlope, dataset.RescaleIntercept = _ds(slope), _ds(intercept)
    dataset.PixelData = stored.astype("<i2" if signed else "<u2").tobytes()
    dataset["PixelData"].VR = "OW"
    dataset.SOPInstanceUID = generate_uid()
    return dataset


def _save(dataset: Dataset, path: Path, transfer_syntax: str) -> Path:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta = meta
    uid = UID(transfer_syntax)
    if uid.is_encapsulated:
        dataset.compress(uid, generate_instance_uid=False)
    elif uid == ExplicitVRBigEndian:
        dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").byteswap().tobytes()
    meta.TransferSyntaxUID = uid
    pydicom.dcmwrite(
        path, dataset, enforce_file_format=True,
        implicit_vr=uid.is_implicit_VR, little_endian=uid.is_little_endian,
    )  # fmt: skip
    return path
