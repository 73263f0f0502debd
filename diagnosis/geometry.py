"""May this series be measured? The geometry report, the reasons in words, and refusal of bad input."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from diagnosis.volume import CTVolume

Grade = Literal["full", "limited", "unusable"]
Plane = Literal["axial", "sagittal", "coronal"]

MAX_TILT_DEGREES = 5.0
"""Oblique or tilted by more than this is refused; by less it stays in the affine."""
MIN_SLICES = 10
THICK_SPACING_MM = 5.0
SPACING_RANGE_MM = (0.05, 20.0)
"""Pixel and slice spacings outside this range are no spacings of a chest CT in mm."""

MAX_VOXELS = 600_000_000
"""2288 slices of 512 x 512: 1.2 GB of int16."""


class RefusedInput(ValueError):
    """Input that can not be read. ``code`` is for programs, ``sentence`` for people, in plain words."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence

    def __reduce__(self) -> tuple[type[RefusedInput], tuple[str, str]]:
        """Survive the way back from a child process."""
        return type(self), (self.code, self.sentence)


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that speaks against measuring a series, and how much: the report has the worst grade."""

    code: str
    sentence: str
    grade: Grade = "limited"


@dataclass(frozen=True, slots=True)
class GeometryReport:
    """What is known of a series' place in space, without patient identity.

    ``spacing_mm`` and ``extent_mm`` follow the array axes z, y, x of the volume. ``missing_mm`` holds the
    positions of missing slices along the acquisition axis in LPS mm, caudal, anterior or right first.
    ``grade``: "full" may be measured, "limited" too but with the reasons shown, "unusable" may not.
    """

    grade: Grade
    reasons: tuple[Reason, ...]
    slices: int
    rows: int
    columns: int
    plane: Plane
    spacing_mm: tuple[float, float, float]
    extent_mm: tuple[float, float, float]
    oblique_degrees: float = 0.0
    missing_mm: tuple[float, ...] = ()
    duplicates: int = 0
    uneven_spacing_mm: float = 0.0
    """How far the worst slice lies from its place on a regular grid, or from its neighbour's step."""
    thickness_mm: float | None = None
    kernel: str = ""
    description: str = ""
    body_part: str = ""
    manufacturer: str = ""
    model: str = ""
    source: Literal["DICOM", "NIfTI"] = "DICOM"
    transfer_syntax: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON values; what is not known is left out."""
        known = {key: value for key, value in asdict(self).items() if value not in (None, "")}
        return {key: list(value) if isinstance(value, tuple) else value for key, value in known.items()}


class UnusableSeries(RefusedInput):
    """Slices that make no volume. ``report`` is graded "unusable" and holds every reason."""

    def __init__(self, report: GeometryReport) -> None:
        super().__init__(report.reasons[0].code, " ".join(reason.sentence for reason in report.reasons))
        self.report = report

    def __reduce__(self) -> tuple[type[RefusedInput], Any]:
        return type(self), (self.report,)


@dataclass(frozen=True, slots=True)
class LoadedSeries:
    """One series in memory.

    ``series`` holds its identifiers (``study_instance_uid``, ``series_instance_uid`` for DICOM);
    ``sop_instance_uids`` the slices in array order along the acquisition axis, filled-in ones absent.
    ``warnings`` are plain sentences: files left aside, other series.
    """

    volume: CTVolume
    report: GeometryReport
    series: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    sop_instance_uids: tuple[str, ...] = ()


def worst_grade(reasons: Iterable[Reason]) -> Grade:
    """Return the worst grade of the reasons; "full" when there are none."""
    ranks: tuple[Grade, ...] = ("full", "limited", "unusable")
    return max((reason.grade for reason in reasons), key=ranks.index, default="full")
