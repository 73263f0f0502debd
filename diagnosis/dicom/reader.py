"""DICOM slices -> CTVolume in patient axes, with its geometry report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from diagnosis.dicom.geometry import blocking_reasons, mixture_reasons, report_of, stack_reasons
from diagnosis.dicom.headers import SliceHeader, read_header
from diagnosis.dicom.pixels import read_hounsfield
from diagnosis.dicom.series import choose_series, find_series
from diagnosis.dicom.stacking import Stack, stack_slices
from diagnosis.geometry import (
    MAX_VOXELS,
    GeometryReport,
    LoadedSeries,
    RefusedInput,
    UnusableSeries,
    worst_grade,
)
from diagnosis.hounsfield import hounsfield_reason, rounded
from diagnosis.orientation import nearest_axes, to_patient_axes
from diagnosis.volume import CTVolume, HounsfieldArray


def read_folder(path: Path) -> LoadedSeries:
    """Read the best CT series at or below ``path``, a folder or one file.

    Of several series the thinnest non-derived axial one is taken; the others, and files that were left
    aside, are named in ``warnings``. Raises RefusedInput when there is no CT slice, UnusableSeries when
    the slices make no volume.
    """
    found = find_series(path)
    chosen, warnings = choose_series(found)
    loaded = _read(chosen.files)
    return replace(loaded, warnings=(*warnings, *loaded.warnings))


def read_series(paths: Sequence[Path]) -> LoadedSeries:
    """Read the slices of one series, in any order.

    HU are slope * stored + intercept of each slice, rounded to the nearest integer. Axes are swapped and
    mirrored to z cranial, y posterior, x left; tilts of up to 5 degrees stay in the affine. Missing slices
    are filled in linearly and reported; up to 1 in 20 and 3 in a row leave the series "limited". A report
    graded "unusable" comes with the volume when one can be made, else UnusableSeries is raised. A file that
    can not be read raises RefusedInput. Slices are decoded one after the other: the JPEG decoders hold the
    interpreter's lock, so threads gain nothing.
    """
    return _read({path: read_header(path) for path in paths})


def inspect_headers(headers: Sequence[SliceHeader]) -> GeometryReport:
    """Return the geometry report as far as headers tell, without pixels. ``headers`` holds at least one."""
    return _inspect(headers)[1]


def _inspect(headers: Sequence[SliceHeader]) -> tuple[Stack | None, GeometryReport]:
    """Return the stack, when a volume can be made of it, and the report."""
    if mixed := mixture_reasons(headers):
        return None, report_of(headers, None, mixed)
    stack = stack_slices(headers)
    blocking = blocking_reasons(stack, len(headers))
    if stack is None or blocking:
        return None, report_of(headers, stack, blocking)
    return stack, report_of(headers, stack, list(stack_reasons(headers, stack)))


def _read(files: Mapping[Path, SliceHeader]) -> LoadedSeries:
    if not files:
        raise RefusedInput("no_slices", "There is no CT slice in it.")
    paths, headers = list(files), list(files.values())
    stack, report = _inspect(headers)
    if stack is None:
        raise UnusableSeries(report)
    if stack.length * report.rows * report.columns > MAX_VOXELS:
        raise RefusedInput("too_large", f"The series has more than {MAX_VOXELS // 10**6} million voxels.")
    ordered = [(paths[index], headers[index]) for index in stack.order]
    hu, affine = to_patient_axes(_fill(stack, report, ordered), stack.affine)
    flipped = stack.affine[nearest_axes(stack.affine)[2], 2] < 0
    uids = [header.sop_instance_uid for _, header in ordered]
    reason = hounsfield_reason(hu)
    if reason and reason.code not in {known.code for known in report.reasons}:
        reasons = (*report.reasons, reason)
        report = replace(report, reasons=reasons, grade=worst_grade(reasons))
    return LoadedSeries(
        volume=CTVolume(hu, affine),
        report=report,
        series=_identifiers(headers[0]),
        sop_instance_uids=tuple(reversed(uids) if flipped else uids),
    )


def _fill(
    stack: Stack, report: GeometryReport, ordered: Sequence[tuple[Path, SliceHeader]]
) -> HounsfieldArray:
    """Decode every slice to its place and fill the gaps linearly; int16 ``[place, row, column]``."""
    hu = np.empty((stack.length, report.rows, report.columns), np.int16)
    for place, (path, header) in zip(stack.places, ordered, strict=True):
        hu[place] = read_hounsfield(path, header)
    for first, last in stack.gaps:
        below, above = hu[first - 1].astype(np.float64), hu[last + 1].astype(np.float64)
        for place in range(first, last + 1):
            part = (place - first + 1) / (last - first + 2)
            hu[place] = rounded(below * (1 - part) + above * part)
    return hu


def _identifiers(header: SliceHeader) -> dict[str, str]:
    return {
        "study_instance_uid": header.study_instance_uid,
        "series_instance_uid": header.series_instance_uid,
    }
