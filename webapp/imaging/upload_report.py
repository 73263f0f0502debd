"""What became of an upload, in words: one line per series, then one per reason for files without a series."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from webapp.imaging.models import (
    FileOutcome,
    Grade,
    Series,
    SeriesState,
    Upload,
    UploadedFile,
    UploadState,
)
from webapp.imaging.selectors import state_of

Tone = Literal["ok", "warn", "bad", "busy", "quiet"]

WORDS_OF_OUTCOME: dict[str, tuple[Tone, str]] = {
    FileOutcome.PENDING: ("busy", "Waiting"),
    FileOutcome.ACCEPTED: ("ok", "Accepted"),
    FileOutcome.HELD: ("quiet", "Already here"),
    FileOutcome.CONFLICT: ("warn", "Kept aside"),
    FileOutcome.REFUSED: ("bad", "Not accepted"),
}


@dataclass(slots=True)
class Line:
    """One line of the report: a series, or files that share one fate."""

    title: str
    tone: Tone
    word: str
    sentence: str
    files: list[UploadedFile] = field(default_factory=list)
    series: Series | None = None
    opens: bool = False

    @property
    def size(self) -> int:
        """Return the bytes of all its files."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class Report:
    """Everything the page says about one upload."""

    upload: Upload
    state: UploadState
    lines: Sequence[Line]

    @property
    def settled(self) -> bool:
        """Tell whether nothing of it will change by itself any more."""
        return self.state in (UploadState.DONE, UploadState.FAILED)

    @property
    def ready(self) -> int:
        """Return how many series can be opened."""
        return sum(line.opens for line in self.lines)

    @property
    def need_attention(self) -> int:
        """Return how many lines ask for a look."""
        return sum(line.tone == "warn" for line in self.lines)

    @property
    def refused(self) -> int:
        """Return how many files were not accepted, or belong to a series that cannot be used."""
        return sum(len(line.files) for line in self.lines if line.tone == "bad")

    @property
    def files(self) -> int:
        """Return how many files came, members of archives included."""
        return sum(len(line.files) for line in self.lines)


def report_of(upload: Upload) -> Report:
    """Return the report of an upload from ``uploads_for``; one query, whatever its size."""
    state = state_of(upload)
    of_series: dict[Series, list[UploadedFile]] = defaultdict(list)
    alone: dict[tuple[str, str], list[UploadedFile]] = defaultdict(list)
    rows = upload.files.select_related("instance__series__current", "instance__series__study__patient")
    by_id: dict[object, Series] = {}
    for file in rows:
        if file.instance is None:
            alone[file.outcome, file.reason].append(file)
        else:
            series = by_id.setdefault(file.instance.series_id, file.instance.series)
            of_series[series].append(file)
    lines = [_of_series(series, files) for series, files in of_series.items()]
    lines += [_of_files(outcome, reason, files, upload, state) for (outcome, reason), files in alone.items()]
    return Report(upload, state, lines)


def _of_series(series: Series, files: list[UploadedFile]) -> Line:
    tone, word, sentence = _fate(series)
    if all(file.outcome == FileOutcome.HELD for file in files):
        pseudonym = series.study.patient.pseudonym
        tone, word = "quiet", "Already here"
        sentence = f"The same images are already held as {pseudonym}. Nothing was added."
    title = series.description or f"{series.modality or 'CT'} series"
    return Line(title, tone, word, sentence, files, series, opens=series.state == SeriesState.READY)


def _fate(series: Series) -> tuple[Tone, str, str]:
    revision = series.current
    if series.state == SeriesState.READY and revision is not None:
        if revision.grade == Grade.FULL:
            return "ok", "Ready", _what_it_is(series)
        reasons = " ".join(reason["sentence"] for reason in revision.geometry.get("reasons", []))
        return "warn", "Limited", f"{reasons} Volumes are measured, but read them with this in mind."
    if series.state == SeriesState.UNUSABLE:
        return "bad", "Not usable", series.reason
    if series.state == SeriesState.FAILED:
        return "bad", "Check failed", series.reason
    if series.state == SeriesState.CHECKING:
        return "busy", "Checking", "The images are decoded and their geometry is checked."
    return "busy", "Receiving", "The check starts when the upload is complete."


def _what_it_is(series: Series) -> str:
    header = series.current.volume_header if series.current else {}
    pseudonym = series.study.patient.pseudonym
    if not header:
        return f"Patient {pseudonym}."
    slices, spacing = header["shape"][0], header["spacing_mm"][0]
    return f"Chest CT, {slices} slices of {spacing:.2g} mm. Patient {pseudonym}."


def _of_files(
    outcome: str, reason: str, files: list[UploadedFile], upload: Upload, state: UploadState
) -> Line:
    tone, word = WORDS_OF_OUTCOME[outcome]
    title = files[0].name if len(files) == 1 else f"{len(files)} files"
    if outcome == FileOutcome.PENDING and state == UploadState.FAILED:
        tone, word = "bad", "Not checked"
        reason = " ".join(filter(None, (upload.error_message, upload.error_hint)))
    elif outcome == FileOutcome.PENDING:
        reason = (
            "It is opened when everything has been sent."
            if state == UploadState.RECEIVING
            else "It is being opened."
        )
    return Line(title, tone, word, reason, files)
