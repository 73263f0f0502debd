"""``python -m diagnosis calibrate``: how far the infected percent is off on phantoms, as an interval."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from diagnosis.commands.analyse import BadUsage
from diagnosis.evaluation.conformal import NOMINAL, ConformalCalibration, calibrate_intervals, coverage
from diagnosis.labels import LabelFolder, Split, StudyLabel, read_label_folder
from diagnosis.quantification.interval import Calibration, Range, half_width, spread_of
from diagnosis.results import INFECTED_VALUES

FLOOR_PERCENT = 0.5
"""Least half-width believed, in percentage points: readings of a healthy lung agree on almost nothing."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Infected percent of one study: measured, its spread, and the truth; the network's version."""

    percent: float
    spread: Range
    truth: float
    version: str


def add_parser(commands: Any) -> None:
    """Add ``calibrate`` to the subcommands of an argument parser."""
    parser = commands.add_parser(
        "calibrate",
        help="measure the interval of the infected percent on phantoms",
        description="Fits the interval on the validation parts of label folders of phantoms and measures "
        "its coverage on their test parts, which come from other scanners.",
    )
    parser.add_argument("--labels", required=True, nargs="+", type=Path, metavar="DIR", help="label folders")
    parser.add_argument(
        "--out", required=True, type=Path, metavar="FILE", help="usually lesions-interval.json"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Measure every study, fit, and write the record. Raises BadUsage and RefusedInput."""
    folders = [read_label_folder(folder) for folder in arguments.labels]
    fitted, judged = (_measured(folders, part, _progress) for part in ("validation", "test"))
    found = _fit(fitted)
    record = _record(found, fitted, judged)
    try:
        arguments.out.write_text(json.dumps(asdict(record), indent=1) + "\n", "utf-8")
    except OSError as error:
        raise BadUsage(f"{arguments.out} can not be written: {error.strerror or error}.") from error
    errors = np.array([case.percent - case.truth for case in judged])
    sys.stderr.write(
        f"{len(judged)} studies of scanners not used for the fit: {record.measured_coverage:.0%} covered "
        f"(nominal {record.nominal:.0%}), mean absolute error {np.abs(errors).mean():.2f} points, "
        f"mean error {errors.mean():+.2f} points.\n"
    )


def measure(label: StudyLabel) -> Measured:
    """Segment a study whose lungs and lesions are known, and compare its infected percent with the truth.

    Lesions that can not be seen (``ignore``) count neither as infected nor as wrong. Raises RefusedInput.
    """
    from diagnosis.lesions.segmentation import segment_lesions
    from diagnosis.lungs.segmentation import segment_lungs
    from diagnosis.quantification.measuring import quantify_lesions

    if label.lungs is None or label.outline is None:
        raise BadUsage(f"{label.study} has no known lungs and lesions. Use label folders made of phantoms.")
    lungs = segment_lungs(label.volume).labels
    lesions = segment_lesions(label.volume, lungs, "network")
    spread = None if lesions is None else spread_of(lesions.percent_at)
    if lesions is None or spread is None:
        raise BadUsage("There are no weights of the lesion network. Train them first.")
    measured = quantify_lesions(lesions.labels, lungs, None, label.volume.affine)
    inside = label.lungs > 0
    infected = np.isin(label.outline, INFECTED_VALUES) & inside
    truth = 100.0 * float(infected.sum()) / max(float(inside.sum()), 1.0)
    return Measured(measured.infected_percent, spread, truth, lesions.version)


def _measured(
    folders: Sequence[LabelFolder], part: Split, progress: Callable[[str, int, int], None]
) -> list[Measured]:
    studies = [(folder, name) for folder in folders for name in folder.studies(part)]
    if not studies:
        raise BadUsage(f"These label folders have no study in their {part} part.")
    found = []
    for done, (folder, name) in enumerate(studies, start=1):
        found.append(measure(folder.read(name)))
        progress(part, done, len(studies))
    return found


def _fit(cases: Sequence[Measured]) -> ConformalCalibration:
    fitted = calibrate_intervals(
        [case.percent for case in cases],
        [half_width(case.spread, FLOOR_PERCENT) for case in cases],
        [case.truth for case in cases],
        floor=FLOOR_PERCENT,
    )
    if fitted is None:
        raise BadUsage("There are too few studies in the validation part to fit an interval: nine at least.")
    return fitted


def _record(
    fitted: ConformalCalibration, cases: Sequence[Measured], judged: Sequence[Measured]
) -> Calibration:
    intervals = fitted.intervals(
        [case.percent for case in judged], [half_width(case.spread, FLOOR_PERCENT) for case in judged]
    )
    covered = coverage(intervals, [case.truth for case in judged])
    if covered is None:
        raise BadUsage("There is no study to measure the coverage on.")
    return Calibration(
        version=cases[0].version,
        nominal=NOMINAL,
        multiplier=fitted.multiplier,
        floor_percent=FLOOR_PERCENT,
        measured_coverage=covered.value,
        n=len(judged),
    )


def _progress(part: str, done: int, total: int) -> None:
    if sys.stderr.isatty() or done % 10 == 0 or done == total:
        sys.stderr.write(f"{part}: {done} of {total}\n")
        sys.stderr.flush()
