"""The bounded read of one slice's header: everything the site and the reader need, never pixels."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from diagnosis.dicom.acceptance import require_ct_slice, require_pixels
from diagnosis.dicom.parsing import ParsedFile, parse_file, parser_boundary
from diagnosis.dicom.syntaxes import require_faithful
from diagnosis.dicom.values import calendar_date, identifier, integer, numbers, text, uid
from diagnosis.geometry import SPACING_RANGE_MM, RefusedInput

MAX_COORDINATE_MM = 1e5
DIRECTION_TOLERANCE = 0.01

KEYWORDS = (
    "SpecificCharacterSet", "ImageType", "SOPClassUID", "SOPInstanceUID", "StudyDate", "Modality",
    "Manufacturer", "StudyDescription", "SeriesDescription", "ManufacturerModelName", "PatientName",
    "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex", "BodyPartExamined",
    "SliceThickness", "ConvolutionKernel", "StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber",
    "InstanceNumber", "ImagePositionPatient", "ImageOrientationPatient", "SamplesPerPixel",
    "PhotometricInterpretation", "NumberOfFrames", "Rows", "Columns", "PixelSpacing", "BitsAllocated",
    "BitsStored", "HighBit", "PixelRepresentation", "PixelPaddingValue", "RescaleIntercept", "RescaleSlope",
    "RescaleType", "LossyImageCompression", "ModalityLUTSequence",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SliceHeader:
    """What one CT slice says of itself. UIDs are checked; texts hold no control characters.

    ``orientation`` holds the unit vectors along a row and down a column, ``position`` the centre of the
    first pixel, both LPS; ``pixel_spacing`` is (down, along) as in DICOM, mm. Absent numbers are None,
    absent texts empty. ``slope`` and ``intercept`` are None when the file has none.
    """

    sop_instance_uid: str
    series_instance_uid: str
    study_instance_uid: str
    sop_class: str
    modality: str
    patient_id: str
    patient_id_issuer: str
    patient_name: str
    patient_sex: str
    patient_birth_date: datetime.date | None
    study_date: datetime.date | None
    study_description: str
    series_description: str
    series_number: int | None
    instance_number: int | None
    image_type: tuple[str, ...]
    body_part: str
    manufacturer: str
    model: str
    kernel: str
    rows: int
    columns: int
    orientation: tuple[tuple[float, float, float], tuple[float, float, float]]
    position: tuple[float, float, float]
    pixel_spacing: tuple[float, float]
    thickness: float | None
    slope: float | None
    intercept: float | None
    rescale_type: str
    transfer_syntax: str
    declared_lossy: bool
    bits_allocated: int
    bits_stored: int
    pixel_representation: int
    padding_value: int | None

    @property
    def is_derived(self) -> bool:
        """True for images computed from others, such as reformats (PS3.3 C.7.6.1.1.2)."""
        return bool(self.image_type) and self.image_type[0] == "DERIVED"


def read_header(path: Path) -> SliceHeader:
    """Read the header of one CT slice, at most a few MiB, without pixels.

    Raises RefusedInput with a plain sentence when the file is not a DICOM CT slice that can be read
    faithfully, whatever its bytes; OSError only when it can not be opened.
    """
    parsed = parse_file(path, KEYWORDS)
    with parser_boundary():
        return _slice_header(parsed)


def _slice_header(parsed: ParsedFile) -> SliceHeader:
    ds = parsed.dataset
    require_ct_slice(ds, parsed.meta)
    require_faithful(parsed.syntax)
    require_pixels(parsed)
    row, column = _orientation(ds)
    return SliceHeader(
        sop_instance_uid=uid(ds, "SOPInstanceUID"),
        series_instance_uid=uid(ds, "SeriesInstanceUID"),
        study_instance_uid=uid(ds, "StudyInstanceUID"),
        sop_class=uid(ds, "SOPClassUID"),
        modality=text(ds, "Modality") or "CT",
        patient_id=identifier(ds, "PatientID"),
        patient_id_issuer=identifier(ds, "IssuerOfPatientID"),
        patient_name=text(ds, "PatientName"),
        patient_sex=text(ds, "PatientSex"),
        patient_birth_date=calendar_date(ds, "PatientBirthDate"),
        study_date=calendar_date(ds, "StudyDate"),
        study_description=text(ds, "StudyDescription"),
        series_description=text(ds, "SeriesDescription"),
        series_number=integer(ds, "SeriesNumber"),
        instance_number=integer(ds, "InstanceNumber"),
        image_type=tuple(filter(None, text(ds, "ImageType").upper().split("\\"))),
        body_part=text(ds, "BodyPartExamined"),
        manufacturer=text(ds, "Manufacturer"),
        model=text(ds, "ManufacturerModelName"),
        kernel=text(ds, "ConvolutionKernel"),
        rows=int(ds.Rows),
        columns=int(ds.Columns),
        orientation=(row, column),
        position=_position(ds),
        pixel_spacing=_pixel_spacing(ds),
        thickness=_thickness(ds),
        slope=_slope(ds),
        intercept=_rescale(ds, "RescaleIntercept"),
        rescale_type=text(ds, "RescaleType"),
        transfer_syntax=str(parsed.syntax),
        declared_lossy=text(ds, "LossyImageCompression") == "01",
        bits_allocated=int(ds.BitsAllocated),
        bits_stored=int(ds.BitsStored),
        pixel_representation=int(ds.PixelRepresentation),
        padding_value=integer(ds, "PixelPaddingValue"),
    )


def _orientation(ds: Dataset) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    values = numbers(ds, "ImageOrientationPatient", 6)
    if values is None:
        raise RefusedInput("no_geometry", "This file does not say how the slice lies in the patient.")
    row, column = values[:3], values[3:]
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    skewed = abs(float(row @ column)) > DIRECTION_TOLERANCE
    if skewed or any(abs(length - 1) > DIRECTION_TOLERANCE for length in lengths):
        raise RefusedInput("bad_geometry", "The orientation of this slice is not a pair of directions.")
    (a, b, c), (d, e, f) = (row / lengths[0]).tolist(), (column / lengths[1]).tolist()
    return (a, b, c), (d, e, f)


def _position(ds: Dataset) -> tuple[float, float, float]:
    values = numbers(ds, "ImagePositionPatient", 3)
    if values is None:
        raise RefusedInput("no_geometry", "This file does not say where the slice lies in the patient.")
    if np.abs(values).max() > MAX_COORDINATE_MM:
        raise RefusedInput("bad_geometry", "The position of this slice is more than 100 m away.")
    x, y, z = values.tolist()
    return x, y, z


def _pixel_spacing(ds: Dataset) -> tuple[float, float]:
    values = numbers(ds, "PixelSpacing", 2)
    if values is None:
        raise RefusedInput("no_geometry", "This file does not say how large its pixels are.")
    low, high = SPACING_RANGE_MM
    if values.min() < low or values.max() > high:
        raise RefusedInput("bad_geometry", f"The pixel size is not between {low} and {high:.0f} mm.")
    down, along = values.tolist()
    return down, along


def _thickness(ds: Dataset) -> float | None:
    values = numbers(ds, "SliceThickness", 1)
    return float(values[0]) if values is not None and values[0] > 0 else None


def _slope(ds: Dataset) -> float | None:
    slope = _rescale(ds, "RescaleSlope")
    if slope == 0:
        raise RefusedInput(
            "bad_rescale", "The rescale slope of this file is zero: it holds no Hounsfield units."
        )
    return slope


def _rescale(ds: Dataset, keyword: str) -> float | None:
    if "ModalityLUTSequence" in ds:
        raise RefusedInput(
            "bad_rescale", "This file maps its pixels by a table, so they are no Hounsfield units."
        )
    if ds.get(keyword) is None:
        return None
    values = numbers(ds, keyword, 1)
    if values is None:
        raise RefusedInput("bad_rescale", f"The {keyword} of this file is not a number.")
    return float(values[0])
