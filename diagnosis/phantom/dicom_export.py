"""A phantom as a CT series: one file per slice, valid by PS3.3 A.3, read back without loss."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from pydicom.valuerep import format_number_as_ds

from diagnosis.phantom.phantom import Phantom
from diagnosis.phantom.scanners import MANUFACTURER, Scanner, Storage

_BIRTHDAYS_END = 2020
"""Every study takes place in this year, the day of the illness counted from its second of January."""
_FIRST_DAY = np.datetime64("2020-01-02")
_STUDY_TIME = "101500"
_LUNG_WINDOW = ("-600", "1500")
_SPIRAL_PITCH_MS = "500"


def write_dicom(phantom: Phantom, folder: Path) -> list[Path]:
    """Write ``IM00001.dcm`` and so on, from cranial to caudal, and return the paths in that order.

    ``folder`` is made when missing. Values are stored with the scanner's slope, intercept, bits and sign;
    ``acquire`` leaves only values that these can hold, so reading gives the same HU. Values of another
    origin come back within half a slope. All UIDs follow from the request and the version: the same phantom
    is the same series. Raises ValueError when a value does not fit the scanner's bits.
    """
    folder.mkdir(parents=True, exist_ok=True)
    volume, scanner = phantom.volume, phantom.truth.scanner
    common = _common(phantom)
    series = _identity(phantom)
    steps = volume.affine[:3, :3]
    units = steps / np.linalg.norm(steps, axis=0)
    _, down, along = volume.spacing_mm
    common.PixelSpacing = _decimals(down, along)
    common.ImageOrientationPatient = _decimals(*units[:, 0], *units[:, 1])
    paths = []
    for number, index in enumerate(reversed(range(volume.shape[0])), start=1):
        dataset = Dataset()
        dataset.update(common)
        position = volume.affine[:3, 3] + steps[:, 2] * index
        dataset.ImagePositionPatient = _decimals(*position)
        dataset.SliceLocation = _decimals(position[2])[0]
        dataset.InstanceNumber = number
        dataset.SOPInstanceUID = _uid(*series, "instance", number)
        _set_pixels(dataset, volume.hu[index], scanner)
        paths.append(_save(dataset, folder / f"IM{number:05d}.dcm"))
    return paths


def stored_values(hu: NDArray[np.int16], storage: Storage) -> NDArray[np.int64]:
    """Return the stored integers nearest to the HU. Raises ValueError beyond what the bits hold."""
    stored = np.rint((hu.astype(np.float64) - storage.intercept) / storage.slope).astype(np.int64)
    low, high = storage.stored_range
    if stored.min() < low or stored.max() > high:
        raise ValueError(f"HU from {hu.min()} to {hu.max()} do not fit stored values from {low} to {high}")
    return stored


def _identity(phantom: Phantom) -> tuple[object, ...]:
    truth = phantom.truth
    shape, severity = phantom.volume.shape, f"{truth.severity:.6f}"
    return (truth.version, truth.seed, truth.class_name, truth.day, severity, truth.scanner.name, shape)


def _uid(*parts: object) -> str:
    """A UID derived from a hash, in the form of a UUID (PS3.5 B.2)."""
    text = "/".join(map(str, ("lungsight phantom", *parts)))
    return f"2.25.{int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], 'big')}"


def _common(phantom: Phantom) -> Dataset:
    """Everything that is the same in all slices."""
    common = Dataset()
    _set_patient(common, phantom)
    _set_series(common, phantom)
    _set_equipment(common, phantom.truth.scanner)
    common.SOPClassUID = CTImageStorage
    common.AcquisitionNumber = 1
    common.SamplesPerPixel, common.PhotometricInterpretation = 1, "MONOCHROME2"
    common.Rows, common.Columns = phantom.volume.shape[1:]
    common.WindowCenter, common.WindowWidth = _LUNG_WINDOW
    return common


def _set_patient(common: Dataset, phantom: Phantom) -> None:
    truth = phantom.truth
    common.PatientID, common.PatientName = f"PHANTOM-{truth.seed}", f"Phantom^{truth.seed}"
    common.PatientSex, common.PatientAge = truth.patient.sex, f"{truth.patient.age:03d}Y"
    common.PatientBirthDate = f"{_BIRTHDAYS_END - truth.patient.age}0101"
    common.StudyInstanceUID = _uid(*_identity(phantom), "study")
    day = str(_FIRST_DAY + np.timedelta64(round(truth.day), "D")).replace("-", "")
    common.StudyDate = common.SeriesDate = common.AcquisitionDate = common.ContentDate = day
    common.StudyTime = common.SeriesTime = common.AcquisitionTime = common.ContentTime = _STUDY_TIME
    common.StudyID, common.AccessionNumber = str(truth.seed)[:16], ""
    common.ReferringPhysicianName = ""
    common.StudyDescription = "Synthetic chest CT"


def _set_series(common: Dataset, phantom: Phantom) -> None:
    scanner = phantom.truth.scanner
    common.SeriesInstanceUID = _uid(*_identity(phantom), "series")
    common.FrameOfReferenceUID = _uid(*_identity(phantom), "frame of reference")
    common.PositionReferenceIndicator = ""
    common.Modality, common.SeriesNumber = "CT", 1
    common.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    common.SeriesDescription = f"Chest {scanner.thickness_mm:.1f} {scanner.kernel.name}"
    common.BodyPartExamined, common.PatientPosition = "CHEST", "HFS"


def _set_equipment(common: Dataset, scanner: Scanner) -> None:
    common.Manufacturer, common.ManufacturerModelName = MANUFACTURER, f"{MANUFACTURER} {scanner.model}"
    common.ConvolutionKernel = scanner.kernel.name
    common.SliceThickness = _decimals(scanner.thickness_mm)[0]
    common.KVP = str(scanner.kilovolts)
    common.Exposure, common.ExposureTime = scanner.milliampere_seconds, _SPIRAL_PITCH_MS
    common.ReconstructionDiameter = _decimals(scanner.fov_mm)[0]
    storage = scanner.storage
    common.BitsAllocated, common.BitsStored, common.HighBit = 16, storage.bits, storage.bits - 1
    common.PixelRepresentation = int(storage.signed)
    common.RescaleSlope, common.RescaleIntercept = _decimals(storage.slope, storage.intercept)
    common.RescaleType = "HU"
    if scanner.padding_hu is not None:
        common.PixelPaddingValue = round((scanner.padding_hu - storage.intercept) / storage.slope)
        common["PixelPaddingValue"].VR = "SS" if storage.signed else "US"


def _set_pixels(dataset: Dataset, hu: NDArray[np.int16], scanner: Scanner) -> None:
    stored = stored_values(hu, scanner.storage)
    dataset.PixelData = stored.astype("<i2" if scanner.storage.signed else "<u2").tobytes()
    dataset["PixelData"].VR = "OW"


def _save(dataset: Dataset, path: Path) -> Path:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta = meta
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    return path


def _decimals(*values: float) -> list[str]:
    """Decimal strings of at most 16 characters (PS3.5 6.2)."""
    return [format_number_as_ds(float(value)) for value in values]
