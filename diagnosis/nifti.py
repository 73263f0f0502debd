"""NIfTI in and out: any orientation in, RAS out. Untrusted files are read within bounds."""

from __future__ import annotations

import gzip
import logging
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError, HeaderTypeError
from nibabel.wrapstruct import WrapStructError
from numpy.typing import NDArray

from diagnosis.geometry import (
    MAX_VOXELS,
    MIN_SLICES,
    SPACING_RANGE_MM,
    THICK_SPACING_MM,
    GeometryReport,
    LoadedSeries,
    Reason,
    RefusedInput,
    worst_grade,
)
from diagnosis.hounsfield import hounsfield_reason, rounded
from diagnosis.orientation import plane_of, require_patient_axes, tilt_degrees, to_patient_axes
from diagnosis.volume import Affine, CTVolume, FloatArray, HounsfieldArray, LabelArray, spacing_of

LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
MM_PER_UNIT = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
"""Of xyzt_units: unknown (taken as mm, as everybody does), metre, mm, micron."""
IMAGE_CLASSES: dict[int, Any] = {348: nibabel.Nifti1Image, 540: nibabel.Nifti2Image}
"""By the size of the header."""
MAX_DATA_OFFSET = 2**20
"""Extensions before the data are skipped up to this size."""
GZIP_MAGIC = b"\x1f\x8b"
AIR_HU = -1024

_READ_ERRORS = (
    ArithmeticError, EOFError, HeaderDataError, HeaderTypeError, ImageFileError, LookupError, MemoryError,
    OSError, TypeError, ValueError, WrapStructError, struct.error, zlib.error,
)  # fmt: skip

# It repairs small faults of headers and says so on standard error.
logging.getLogger("nibabel.global").setLevel(logging.CRITICAL + 1)


def is_nifti(path: Path) -> bool:
    """Say by its content whether a file, gzipped or not, is a single-file NIfTI-1 or -2 volume."""
    try:
        with _opened(path) as file:
            _image_class(file.read(540))
    except RefusedInput:
        return False
    return True


def read_ct(path: Path) -> LoadedSeries:
    """Read a CT whose values are Hounsfield units after slope and intercept, rounded to int16.

    Axes are swapped and mirrored to z cranial, y posterior, x left. Values that are no numbers become
    -1024 HU, and the report says so. Raises RefusedInput when the file is no NIfTI volume of three
    dimensions, does not say where it lies, is too large or too oblique.
    """
    with _opened(path) as file:
        image, affine = _checked(file)
        hu, replaced = _hounsfield(image)
    patient_hu, patient_affine = to_patient_axes(hu.transpose(2, 1, 0), affine)
    volume = CTVolume(patient_hu, patient_affine)
    return LoadedSeries(volume=volume, report=_report(volume, affine, hu.shape, replaced))


def read_labels(path: Path) -> tuple[LabelArray, Affine]:
    """Read a label volume as uint8 ``[z, y, x]`` and its LPS affine, reordered as read_ct does.

    Raises RefusedInput as read_ct does, and when a value is not a whole number from 0 to 255.
    """
    with _opened(path) as file:
        image, affine = _checked(file)
        values = np.asanyarray(image.dataobj)
        labels = values.astype(np.uint8)
    if not np.array_equal(labels, values):
        raise RefusedInput("not_labels", "This file holds values that are no labels from 0 to 255.")
    return to_patient_axes(labels.transpose(2, 1, 0), affine)


def write_ct(path: Path, volume: CTVolume) -> None:
    """Write the volume in HU, int16, voxel axes and affine in RAS."""
    _write(path, volume.hu, volume.affine)


def write_labels(path: Path, labels: LabelArray, affine: Affine) -> None:
    """Write a label volume ``[z, y, x]`` with its LPS ``affine``, uint8, voxel axes and affine in RAS."""
    _write(path, labels.astype(np.uint8, copy=False), affine)


def write_heatmap(path: Path, values: FloatArray, affine: Affine) -> None:
    """Write raw heatmap values ``[z, y, x]`` with their LPS ``affine``, float32, in RAS."""
    _write(path, values.astype(np.float32, copy=False), affine)


def _write(path: Path, array: NDArray[Any], affine: Affine) -> None:
    """Mirror x and y, so that voxel axes run to right, anterior and superior too."""
    last = np.array([array.shape[2] - 1, array.shape[1] - 1, 0.0])
    ras = affine.copy()
    ras[:3, 3] += affine[:3, :3] @ last
    ras[:3, :2] *= -1
    ras = LPS_FROM_RAS @ ras
    image = IMAGE_CLASSES[348](array[:, ::-1, ::-1].transpose(2, 1, 0), ras)
    image.set_sform(ras, 1)
    image.set_qform(ras, 1)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open the file, gzipped or not, and turn every failure of reading it into RefusedInput."""
    with path.open("rb") as raw:
        zipped = raw.read(2) == GZIP_MAGIC
        raw.seek(0)
        file = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if zipped else raw
        try:
            with np.errstate(all="ignore"):
                yield file
        except RefusedInput:
            raise
        except EOFError as error:
            raise RefusedInput("truncated", "This file is cut short. Send it again.") from error
        except _READ_ERRORS as error:
            raise RefusedInput("damaged", "This NIfTI file is damaged.") from error


def _image_class(start: bytes) -> Any:
    """Return nibabel's class for a file that starts with these bytes; raise RefusedInput for others."""
    if len(start) >= 348:
        for size, magic, offset in ((348, b"n+1\0", 344), (540, b"n+2\0", 4)):
            sizes = (struct.pack("<i", size), struct.pack(">i", size))
            if start[:4] in sizes and start[offset : offset + 4] == magic:
                return IMAGE_CLASSES[size]
    raise RefusedInput("not_nifti", "This is not a NIfTI file (.nii or .nii.gz).")


def _checked(file: BinaryIO) -> tuple[Any, Affine]:
    """Check the header before anything is allocated; return the image, its data unread, and LPS affine."""
    start = file.read(540)
    image_class = _image_class(start)
    header_class = image_class.header_class
    header = header_class(start[: header_class.template_dtype.itemsize], check=False)
    if not 0 <= int(header["vox_offset"]) <= MAX_DATA_OFFSET:
        raise RefusedInput("damaged", "This NIfTI file is damaged.")
    _require_volume(header)
    file.seek(0)
    image = image_class.from_stream(file)
    affine = LPS_FROM_RAS @ _ras_affine(image.header)
    require_patient_axes(affine)
    _require_spacing(affine)
    return image, affine


def _require_volume(header: Any) -> None:
    shape = tuple(int(side) for side in header.get_data_shape())
    if len(shape) < 3 or any(side != 1 for side in shape[3:]):
        raise RefusedInput(
            "not_a_volume", f"This file has {len(shape)} dimensions. A CT volume has three: send one volume."
        )
    if min(shape) < 1 or np.prod(shape, dtype=float) > MAX_VOXELS:
        raise RefusedInput("too_large", f"The volume has more than {MAX_VOXELS // 10**6} million voxels.")
    if header.get_data_dtype().kind not in "iuf":
        raise RefusedInput("not_hounsfield", "This file holds colours or complex numbers, not a CT.")


def _ras_affine(header: Any) -> Affine:
    """The sform comes before the qform; a file with neither is refused."""
    if int(header["sform_code"]) > 0:
        affine = header.get_sform()
    elif int(header["qform_code"]) > 0:
        affine = header.get_qform()
    else:
        raise RefusedInput(
            "no_geometry", "This NIfTI file does not say where the volume lies (neither sform nor qform)."
        )
    scale = MM_PER_UNIT.get(int(header["xyzt_units"]) & 7, 1.0)
    return np.diag([scale, scale, scale, 1.0]) @ np.asarray(affine, dtype=np.float64)


def _require_spacing(affine: Affine) -> None:
    low, high = SPACING_RANGE_MM
    if not all(low <= spacing <= high for spacing in spacing_of(affine)) or not np.isfinite(affine).all():
        raise RefusedInput(
            "bad_geometry", f"The voxels of this file are not between {low} and {high:.0f} mm large."
        )


def _hounsfield(image: Any) -> tuple[HounsfieldArray, bool]:
    """Return HU in the file's axes [i, j, k], and whether some values were no numbers."""
    stored = np.asanyarray(image.dataobj.get_unscaled())
    stored = stored.reshape(stored.shape[:3])
    slope, intercept = float(image.dataobj.slope), float(image.dataobj.inter)
    hu = np.empty(stored.shape, np.int16, order="F")
    replaced = False
    for k in range(stored.shape[2]):  # a slice at a time: the scaled values need eight bytes each
        values = stored[:, :, k] * np.float64(slope) + intercept
        bad = ~np.isfinite(values)
        if bad.any():
            replaced = True
            values[bad] = AIR_HU
        hu[:, :, k] = rounded(values)
    return hu, replaced


def _report(volume: CTVolume, affine: Affine, shape: tuple[int, ...], replaced: bool) -> GeometryReport:
    columns, rows, slices = shape
    step = spacing_of(affine)[0]
    reasons = []
    if slices < MIN_SLICES:
        sentence = f"Only {slices} slices. At least {MIN_SLICES} are needed."
        reasons.append(Reason("few_slices", sentence, "unusable"))
    if step > THICK_SPACING_MM + 0.01:
        sentence = f"The slices lie {step:.1f} mm apart: volumes are rough above 5 mm."
        reasons.append(Reason("thick_slices", sentence))
    if replaced:
        reasons.append(Reason("not_numbers", f"Some values were no numbers and were taken as {AIR_HU} HU."))
    if values := hounsfield_reason(volume.hu):
        reasons.append(values)
    z, y, x = volume.spacing_mm
    depth, height, width = volume.shape
    return GeometryReport(
        grade=worst_grade(reasons),
        reasons=tuple(reasons),
        slices=slices,
        rows=rows,
        columns=columns,
        plane=plane_of(affine),
        spacing_mm=(round(z, 4), round(y, 4), round(x, 4)),
        extent_mm=(round(z * depth, 2), round(y * height, 2), round(x * width, 2)),
        oblique_degrees=round(tilt_degrees(affine), 2),
        source="NIfTI",
    )
