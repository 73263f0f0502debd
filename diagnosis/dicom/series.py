"""Find the CT series in a folder and choose the one to read."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from diagnosis.dicom.geometry import thickness_of
from diagnosis.dicom.headers import SliceHeader, read_header
from diagnosis.dicom.stacking import normal_of, stack_slices
from diagnosis.geometry import MIN_SLICES, RefusedInput

NOT_WORTH_A_WORD = {"dicomdir"}
FILES_NAMED = 3


@dataclass(frozen=True, slots=True)
class SeriesFiles:
    """The slices of one series: headers by path."""

    files: dict[Path, SliceHeader]

    @property
    def headers(self) -> list[SliceHeader]:
        """The headers in the order of the paths."""
        return list(self.files.values())

    @property
    def title(self) -> str:
        """A name for people: description and number of slices."""
        first = self.headers[0]
        name = first.series_description or f"number {first.series_number or '?'}"
        return f'"{name}" ({len(self.files)} slices)'


@dataclass(frozen=True, slots=True)
class FoundSeries:
    """What lies in a folder: CT series, and refused files with the reason."""

    series: list[SeriesFiles]
    refused: dict[Path, RefusedInput] = field(default_factory=dict)


def find_series(path: Path) -> FoundSeries:
    """Search ``path`` (a folder, recursively, or one file) for CT slices and group them by series.

    Only regular files are opened and symbolic links to folders are not followed. Raises RefusedInput when
    ``path`` does not exist.
    """
    if not path.exists():
        raise RefusedInput("not_found", f"There is no file or folder {path}.")
    by_series: dict[str, dict[Path, SliceHeader]] = {}
    refused: dict[Path, RefusedInput] = {}
    for file in _regular_files(path):
        try:
            header = read_header(file)
        except RefusedInput as error:
            refused[file] = error
        else:
            by_series.setdefault(header.series_instance_uid, {})[file] = header
    return FoundSeries([SeriesFiles(files) for files in by_series.values()], refused)


def choose_series(found: FoundSeries) -> tuple[SeriesFiles, list[str]]:
    """Return the thinnest non-derived axial series and warnings that name all that was left aside.

    Raises RefusedInput, with the most frequent reason, when there is no series.
    """
    if not found.series:
        raise _most_frequent(found)
    ranked = sorted(found.series, key=_rank)
    others = [f"Series {series.title} was left aside." for series in ranked[1:]]
    return ranked[0], [*_refused_sentences(found), *others]


def _regular_files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            file = Path(folder, name)
            if file.is_file():
                yield file


def _rank(series: SeriesFiles) -> tuple[bool, bool, bool, float, int, str]:
    headers = series.headers
    first = headers[0]
    _, _, z = abs(normal_of(first))
    stack = stack_slices(headers)
    step = stack.step_mm if stack else 1e9
    return (
        len(headers) < MIN_SLICES,
        first.is_derived,
        z < 0.7,
        round(max(thickness_of(headers) or 0.0, step), 2),
        -len(headers),
        first.series_instance_uid,
    )


def _most_frequent(found: FoundSeries) -> RefusedInput:
    if not found.refused:
        return RefusedInput("no_slices", "The folder is empty.")
    if len(found.refused) == 1:
        return next(iter(found.refused.values()))
    codes = Counter(error.code for error in found.refused.values())
    code = codes.most_common(1)[0][0]
    sentence = next(error.sentence for error in found.refused.values() if error.code == code)
    return RefusedInput(
        code, f"There is no CT slice among {len(found.refused)} files. Most of them: {sentence}"
    )


def _refused_sentences(found: FoundSeries) -> list[str]:
    """One sentence for each kind of refusal, naming the first few files."""
    kinds: dict[str, list[Path]] = {}
    for path, error in found.refused.items():
        if error.code not in NOT_WORTH_A_WORD:
            kinds.setdefault(error.sentence, []).append(path)
    return [f"{_names(paths)}: ignored. {sentence}" for sentence, paths in kinds.items()]


def _names(paths: list[Path]) -> str:
    names = ", ".join(path.name for path in paths[:FILES_NAMED])
    more = len(paths) - FILES_NAMED
    return f"{names} and {more} more" if more > 0 else names
