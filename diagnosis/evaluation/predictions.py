"""What a system said of every study, as a CSV file that grows row by row: a killed run loses nothing."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DISEASED = "diseased"
COVID_GIVEN_DISEASED = "COVID-19 given diseased"
COVID, NORMAL = "COVID-19", "NP"
_FIXED = ("study", "patient", "scanner", "class", "co_rads")


@dataclass(frozen=True, slots=True)
class Prediction:
    """One study as a system read it.

    ``class_name`` is its true class, ``scanner`` the scanner or the cohort it comes from, ``co_rads`` 0 to 6.
    ``findings`` holds what the system measures besides its ``probabilities``, by name; what was not measured
    on this study is absent.
    """

    study: str
    patient: str
    scanner: str
    class_name: str
    co_rads: int | None
    probabilities: Mapping[str, float]
    findings: Mapping[str, float] = field(default_factory=dict)


def truth_of(key: str, class_name: str) -> bool | None:
    """Return whether a study of this class is positive for a probability key; None: it does not count.

    COVID-19 (as CAP and NP) stands against all else, ``diseased`` is everything but NP, and ``COVID-19 given
    diseased`` speaks of the diseased alone.
    """
    if key == DISEASED:
        return class_name != NORMAL
    if key == COVID_GIVEN_DISEASED:
        return None if class_name == NORMAL else class_name == COVID
    return class_name == key


class PredictionFile:
    """``predictions.csv``: study, patient, scanner, class, co_rads, the probabilities, the findings.

    Numbers are written in full, an empty cell was not measured. A row that a killed run did not finish is
    dropped.
    """

    def __init__(self, path: Path, keys: Sequence[str], findings: Sequence[str] = ()) -> None:
        """Read what is there. Raises ValueError when the file has other columns."""
        self.path, self.keys, self.findings = path, tuple(keys), tuple(findings)
        self.columns = (*_FIXED, *self.keys, *self.findings)
        self.rows: dict[str, Prediction] = {}
        for row in _finished_rows(path, self.columns):
            self.rows[row["study"]] = self._prediction(row)

    def add(self, prediction: Prediction) -> None:
        """Append one study."""
        numbers = {**prediction.probabilities, **prediction.findings}
        grade = "" if prediction.co_rads is None else str(prediction.co_rads)
        fixed = (prediction.study, prediction.patient, prediction.scanner, prediction.class_name, grade)
        values = [
            repr(float(numbers[name])) if name in numbers else "" for name in self.columns[len(_FIXED) :]
        ]
        _append_row(self.path, [*fixed, *values])
        self.rows[prediction.study] = prediction

    def _prediction(self, row: Mapping[str, str]) -> Prediction:
        return Prediction(
            study=row["study"],
            patient=row["patient"],
            scanner=row["scanner"],
            class_name=row["class"],
            co_rads=int(row["co_rads"]) if row["co_rads"] else None,
            probabilities={key: float(row[key]) for key in self.keys},
            findings={name: float(row[name]) for name in self.findings if row[name]},
        )


def _finished_rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Return the whole rows of a CSV file and leave just these in it; a missing file is made.

    Raises ValueError when its first line does not name these columns.
    """
    header = _line(columns)
    lines = []
    if path.is_file():
        with path.open(encoding="utf-8", newline="\n") as file:
            lines = list(file)
    whole = [line for line in lines if line.endswith("\n")] or [header]
    if whole[0] != header:
        raise ValueError(f"{path.name} has other columns than {', '.join(columns)}.")
    if whole != lines:
        path.write_text("".join(whole), "utf-8")
    return list(csv.DictReader(io.StringIO("".join(whole))))


def _append_row(path: Path, values: Sequence[Any]) -> None:
    """Append one row to a CSV file."""
    with path.open("a", encoding="utf-8") as file:
        file.write(_line(values))


def _line(values: Sequence[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()
