"""From the stored files of a revision to a volume and a judgement. Runs in a check worker's child."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from diagnosis.dicom.headers import read_header
from diagnosis.dicom.pixels import read_hounsfield
from diagnosis.dicom.reader import read_series
from diagnosis.geometry import GeometryReport, RefusedInput, UnusableSeries
from diagnosis.nifti import read_ct
from diagnosis.volume import CTVolume
from webapp.core import blobs
from webapp.imaging.models import Grade, Instance, SeriesRevision


@dataclass(frozen=True, slots=True)
class Decoded:
    """What decoding gave: grade, geometry report as JSON, why it cannot be measured, the volume if any.

    ``damaged`` holds the instances whose pixels could not be read, with the reason.
    """

    grade: str
    reason: str = ""
    geometry: dict[str, Any] = field(default_factory=dict)
    volume: CTVolume | None = None
    damaged: Mapping[Instance, str] = field(default_factory=dict)


def decode(revision: SeriesRevision, tell: Callable[[float], None]) -> Decoded:
    """Read the instances of the revision's manifest. ``tell`` gets the part done, 0 to 1."""
    wanted = [sop_uid for sop_uid, _ in revision.manifest]
    instances = Instance.objects.filter(series=revision.series_id, sop_uid__in=wanted)
    with ExitStack() as stack:
        paths = {stack.enter_context(blobs.local_path(row.blob_id)): row for row in instances}
        return _decode(paths, tell)


def _decode(paths: Mapping[Path, Instance], tell: Callable[[float], None]) -> Decoded:
    try:
        return _read(paths)
    except UnusableSeries as unusable:
        return _judged(unusable.report)
    except RefusedInput as refused:
        bad = _damaged(paths, tell)
        damaged = {paths[path]: sentence for path, sentence in bad.items()}
        if not bad or len(bad) == len(paths):
            return Decoded(Grade.UNUSABLE, next(iter(bad.values()), refused.sentence), damaged=damaged)
    rest = {path: row for path, row in paths.items() if path not in bad}
    return replace(_decode(rest, tell), damaged=damaged)


def _read(paths: Mapping[Path, Instance]) -> Decoded:
    nifti = [path for path, row in paths.items() if row.kind == "nifti"]
    loaded = read_ct(nifti[0]) if nifti else read_series(list(paths))
    return replace(_judged(loaded.report), volume=loaded.volume)


def _judged(report: GeometryReport) -> Decoded:
    stopping = [reason.sentence for reason in report.reasons if reason.grade == "unusable"]
    return Decoded(report.grade, " ".join(stopping), report.as_json())


def _damaged(paths: Mapping[Path, Instance], tell: Callable[[float], None]) -> dict[Path, str]:
    """Read every slice by itself to find those that cannot be read."""
    found = {}
    for done, path in enumerate(paths):
        tell(done / len(paths))
        try:
            read_hounsfield(path, read_header(path))
        except RefusedInput as refused:
            found[path] = refused.sentence
    return found
