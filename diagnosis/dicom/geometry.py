"""The geometry report of a DICOM series: every reason against measuring it, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence

import numpy as np

from diagnosis.dicom.headers import SliceHeader
from diagnosis.dicom.stacking import Stack, normal_of
from diagnosis.dicom.syntaxes import lossy_reason
from diagnosis.geometry import (
    MAX_TILT_DEGREES,
    MIN_SLICES,
    SPACING_RANGE_MM,
    THICK_SPACING_MM,
    GeometryReport,
    Reason,
    worst_grade,
)
from diagnosis.orientation import PLANES, nearest_axes, plane_of, tilt_degrees, tilt_sentence
from diagnosis.volume import spacing_of

MAX_MISSING_SHARE = 0.05
MAX_GAP_SLICES = 3
MAX_DUPLICATE_SHARE = 0.05
MAX_UNEVEN_SHARE = 0.2
"""A slice further than this part of a step from its place on the grid belongs to no regular grid."""
NOTED_UNEVEN_SHARE = 0.05
MAX_SIDEWAYS_MM = 1.0
MAX_GAP_TO_THICKNESS = 1.5
SHORT_EXTENT_MM = 100.0
GAPS_NAMED = 3

_Trait = Callable[[SliceHeader], Hashable]
# What all slices of one series share: code, words, and the value that must agree.
_SHARED: tuple[tuple[str, str, _Trait], ...] = (
    ("mixed_patients", "patients", lambda h: (h.patient_id, h.patient_id_issuer)),
    ("mixed_series", "series", lambda h: h.series_instance_uid),
    ("mixed_sizes", "image sizes", lambda h: (h.rows, h.columns)),
    ("mixed_spacing", "pixel sizes", lambda h: tuple(round(value, 3) for value in h.pixel_spacing)),
    ("mixed_orientation", "orientations", lambda h: tuple(np.round(h.orientation, 2).ravel() + 0.0)),
    ("mixed_kernels", "reconstruction kernels", lambda h: h.kernel),
)  # fmt: skip


def mixture_reasons(headers: Sequence[SliceHeader]) -> list[Reason]:
    """Return why the slices can not belong to one volume: mixed series, sizes, orientations, kernels."""
    reasons = []
    for code, words, trait in _SHARED:
        kinds = len({trait(header) for header in headers})
        if kinds > 1:
            sentence = f"Slices of {kinds} {words} are mixed. Send each series by itself."
            reasons.append(Reason(code, sentence, "unusable"))
    return reasons


def blocking_reasons(stack: Stack | None, slices: int) -> list[Reason]:
    """Return why no volume can be made of the stack; empty when one can."""
    if stack is None:
        same = f"All {slices} slices lie at the same place." if slices > 1 else "Only 1 slice."
        return [Reason("one_slice", f"{same} A volume needs at least {MIN_SLICES} places.", "unusable")]
    reasons = []
    if (tilt := tilt_degrees(stack.affine)) > MAX_TILT_DEGREES:
        reasons.append(Reason("tilted", tilt_sentence(tilt), "unusable"))
    low, high = SPACING_RANGE_MM
    if not low <= stack.step_mm <= high:
        reasons.append(
            Reason("bad_spacing", f"The slices lie {stack.step_mm:.2f} mm apart: not a chest CT.", "unusable")
        )
    if stack.uneven_mm > MAX_UNEVEN_SHARE * stack.step_mm or stack.sideways_mm > MAX_SIDEWAYS_MM:
        first, last = stack.steps_mm
        sentence = f"The slices are not evenly spaced: neighbours lie {first:.2f} to {last:.2f} mm apart."
        reasons.append(Reason("uneven_spacing", sentence, "unusable"))
    if stack.length - len(stack.order) > len(stack.order):
        reasons.append(Reason("missing_slices", _missing_sentence(stack), "unusable"))
    return reasons


def stack_reasons(headers: Sequence[SliceHeader], stack: Stack) -> Iterator[Reason]:
    """Yield what limits the measurement of a stack that makes a volume."""
    count = len(stack.order)
    if count < MIN_SLICES:
        yield Reason("few_slices", f"Only {count} slices. At least {MIN_SLICES} are needed.", "unusable")
    if missing := stack.length - count:
        widest = max(last - first + 1 for first, last in stack.gaps)
        many = widest > MAX_GAP_SLICES or missing > MAX_MISSING_SHARE * stack.length
        yield Reason("missing_slices", _missing_sentence(stack), "unusable" if many else "limited")
    if stack.duplicates:
        many = stack.duplicates > MAX_DUPLICATE_SHARE * count
        yield Reason("duplicate_slices", _duplicate_sentence(stack), "unusable" if many else "limited")
    if stack.uneven_mm > NOTED_UNEVEN_SHARE * stack.step_mm:
        yield Reason(
            "uneven_spacing",
            f"A slice lies {stack.uneven_mm:.2f} mm off its place in steps of {stack.step_mm:.2f} mm.",
        )
    yield from _spacing_reasons(headers, stack)
    yield from _value_reasons(headers)


def _spacing_reasons(headers: Sequence[SliceHeader], stack: Stack) -> Iterator[Reason]:
    step, thickness = stack.step_mm, thickness_of(headers)
    if step > THICK_SPACING_MM + 0.01:
        yield Reason("thick_slices", f"The slices lie {step:.1f} mm apart: volumes are rough above 5 mm.")
    if thickness and step > MAX_GAP_TO_THICKNESS * thickness:
        yield Reason(
            "gaps",
            f"The slices are {thickness:.1f} mm thick and {step:.1f} mm apart: the gaps were not imaged.",
        )
    if plane_of(stack.affine) == "axial" and step * stack.length < SHORT_EXTENT_MM:
        yield Reason(
            "short", f"The series covers {step * stack.length:.0f} mm from head to foot: not a whole chest."
        )


def _value_reasons(headers: Sequence[SliceHeader]) -> Iterator[Reason]:
    if any(header.slope is None or header.intercept is None for header in headers):
        yield Reason(
            "no_rescale", "Slope or intercept are missing: the stored values were taken as Hounsfield units."
        )
    units = {header.rescale_type for header in headers} - {
        "",
        "HU",
        "US",
    }  # US: unspecified (PS3.3 C.11.1.1.2)
    if units:
        yield Reason(
            "not_hounsfield", f"The values are in {sorted(units)[0]}, not in Hounsfield units.", "unusable"
        )
    syntaxes = {(header.transfer_syntax, header.declared_lossy) for header in headers}
    reason = next(filter(None, (lossy_reason(*syntax) for syntax in sorted(syntaxes))), None)
    if reason:
        yield reason


def _missing_sentence(stack: Stack) -> str:
    gaps = stack.gaps
    places = [_gap_words(stack, first, last) for first, last in gaps[:GAPS_NAMED]]
    if len(gaps) > GAPS_NAMED:
        places.append(f"and at {len(gaps) - GAPS_NAMED} more places")
    missing = stack.length - len(stack.order)
    are = "1 slice is" if missing == 1 else f"{missing} slices are"
    return (
        f"{are} missing {', '.join(places)}. "
        "Send them, or go on with values filled in from the neighbours and volumes that may be wrong."
    )


def _gap_words(stack: Stack, first: int, last: int) -> str:
    axis = nearest_axes(stack.affine)[2]
    low, high = sorted(stack.position_of(place)[axis] for place in (first - 1, last + 1))
    return f"between {low:.0f} and {high:.0f} mm"


def _duplicate_sentence(stack: Stack) -> str:
    count = stack.duplicates
    more = "1 more slice lies" if count == 1 else f"{count} more slices lie"
    return f"{more} where there is one already. The first by instance number was taken."


def thickness_of(headers: Sequence[SliceHeader]) -> float | None:
    """Return the slice thickness in mm that most slices name, None when none does."""
    named = Counter(header.thickness for header in headers if header.thickness)
    return named.most_common(1)[0][0] if named else None


def report_of(
    headers: Sequence[SliceHeader], stack: Stack | None, reasons: Sequence[Reason]
) -> GeometryReport:
    """Describe a series; sizes of slices that make no stack are those of the first one."""
    first = headers[0]
    sizes = _sizes(first, stack)
    axis = int(np.argmax(np.abs(normal_of(first))))
    return GeometryReport(
        grade=worst_grade(reasons),
        reasons=tuple(reasons),
        slices=len(stack.order) if stack else len(headers),
        rows=first.rows,
        columns=first.columns,
        plane=plane_of(stack.affine) if stack else PLANES[axis],
        spacing_mm=sizes[0],
        extent_mm=sizes[1],
        oblique_degrees=round(tilt_degrees(stack.affine), 2) if stack else 0.0,
        missing_mm=_missing_mm(stack) if stack else (),
        duplicates=stack.duplicates if stack else 0,
        uneven_spacing_mm=round(stack.uneven_mm, 3) if stack else 0.0,
        thickness_mm=thickness_of(headers),
        kernel=first.kernel,
        description=first.series_description,
        body_part=first.body_part,
        manufacturer=first.manufacturer,
        model=first.model,
        transfer_syntax=first.transfer_syntax,
    )


def _sizes(
    first: SliceHeader, stack: Stack | None
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Spacing and extent along the patient's z, y, x in mm; along the normal 0 without a stack."""
    if stack is None:
        down, along = first.pixel_spacing
        return (0.0, down, along), (0.0, down * first.rows, along * first.columns)
    step, down, along = spacing_of(stack.affine)
    by_axis = {}
    counts = ((along, first.columns), (down, first.rows), (step, stack.length))
    for patient, (spacing, count) in zip(nearest_axes(stack.affine), counts, strict=True):
        by_axis[patient] = (round(spacing, 4), round(spacing * count, 2))
    z, y, x = (by_axis.get(patient, (0.0, 0.0)) for patient in (2, 1, 0))
    return (z[0], y[0], x[0]), (z[1], y[1], x[1])


def _missing_mm(stack: Stack) -> tuple[float, ...]:
    axis = nearest_axes(stack.affine)[2]
    missing = [place for first, last in stack.gaps for place in range(first, last + 1)]
    return tuple(sorted(round(float(stack.position_of(place)[axis]), 2) for place in missing))
