"""The patch networks in their evaluation: Tables 3 and 4 of Ghavami Modegh et al., and infected percent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diagnosis.evaluation.agreement import limits_of_agreement
from diagnosis.evaluation.intervals import Rate, rate
from diagnosis.evaluation.predictions import (
    COVID,
    COVID_GIVEN_DISEASED,
    DISEASED,
    NORMAL,
    Prediction,
    truth_of,
)
from diagnosis.evaluation.report import as_json
from diagnosis.evaluation.report_tables import Table
from diagnosis.phantom.scanners import DRAWN
from diagnosis.quantification.measuring import quantify, quantify_lesions
from diagnosis.systems.evaluating import OwnReport, Reading
from diagnosis.systems.interface import Case
from diagnosis.systems.patchwise.preprocessing import network_input, views_of
from diagnosis.systems.patchwise.quantification import infected_pixels, infected_voxels
from diagnosis.systems.patchwise.reading import Reader, first_look, probabilities, reader_of, second_look
from diagnosis.volume import BoolArray, LabelArray

INFECTED, TRULY_INFECTED = "infected percent", "true infected percent"
EVERYONE = "all"
PUBLISHED: Mapping[str, Mapping[str, tuple[float | None, ...]]] = {
    DISEASED: {
        "Ghavami Modegh et al., seen centres": (96.56, 97.25, 100.0, 87.50),
        "Ghavami Modegh et al., unseen centres": (95.80, 95.80, None, None),
    },
    COVID_GIVEN_DISEASED: {
        "Ghavami Modegh et al., seen centres": (96.12, 98.15, 81.03),
        "Ghavami Modegh et al., unseen centres": (95.73, 95.73, None),
    },
}
"""The last rows of Tables 3 and 4, in percent. Unseen centres had patients with COVID-19 alone."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of Tables 3 and 4: how many of the studies that ``counts`` names are called rightly."""

    title: str
    counts: Callable[[str], bool]


_COLUMNS: Mapping[str, Sequence[Column]] = {
    DISEASED: (
        Column("accuracy", lambda name: True),
        Column("sensitivity (COVID-19)", lambda name: name == COVID),
        Column("sensitivity (other diseases)", lambda name: name not in (COVID, NORMAL)),
        Column("specificity (healthy)", lambda name: name == NORMAL),
    ),
    COVID_GIVEN_DISEASED: (
        Column("accuracy", lambda name: name != NORMAL),
        Column("sensitivity (COVID-19)", lambda name: name == COVID),
        Column("specificity (other diseases)", lambda name: name not in (COVID, NORMAL)),
    ),
}
_TITLES = {
    DISEASED: "Diseased or healthy, as in Ghavami Modegh et al., Table 3",
    COVID_GIVEN_DISEASED: "COVID-19 or another disease, as in Ghavami Modegh et al., Table 4",
}


class PatchwiseEvaluator:
    """Reads studies with given weights, as in use. Raises RefusedInput (code ``bad_weights``)."""

    findings: Sequence[str] = (INFECTED, TRULY_INFECTED)

    def __init__(self, weights: Path) -> None:
        self._reader = reader_of(weights)
        self.operating_points: Mapping[str, float] = self._reader.configuration.operating_points

    def read(self, case: Case, lesions: LabelArray | None) -> Reading:
        """Return the probabilities and the infected percent, and the true one where lesions are known.

        Both percents are of the lungs of the case. Raises RefusedInput (code ``no_lungs``).
        """
        found, infected = read_scan(self._reader, case)
        measured = quantify(infected, case.lungs, case.volume.voxel_ml, "patches")
        findings = {INFECTED: measured.infected_percent}
        if lesions is not None:
            true = quantify_lesions(lesions, case.lungs, None, case.volume.affine)
            findings[TRULY_INFECTED] = true.infected_percent
        return Reading(found, findings)

    def own_report(self, predictions: Sequence[Prediction]) -> OwnReport | None:
        """Return the tables of the paper and the error of the infected percent; None without a study."""
        if not predictions:
            return None
        centres = {key: rates_by_centre(predictions, key, self.operating_points[key]) for key in _COLUMNS}
        errors = {name: found for name, found in _errors(predictions).items() if found is not None}
        content = {
            **{
                key: {centre: [rate and as_json(rate) for rate in rates] for centre, rates in rows.items()}
                for key, rows in centres.items()
            },
            **({"infected_percent": errors} if errors else {}),
        }
        tables = [_centre_table(key, rows, self.operating_points[key]) for key, rows in centres.items()]
        return OwnReport("centres", content, [*tables, *([_error_table(errors)] if errors else [])])


def read_scan(reader: Reader, case: Case) -> tuple[dict[str, float], BoolArray]:
    """Return the probabilities of a scan and its infected voxels on the series grid; no maps, no regions.

    Raises RefusedInput (code ``no_lungs``).
    """
    size, above = reader.configuration.size, reader.infected_above
    shown = network_input(case.volume, case.lungs, size)
    views = views_of(shown.image, size.side)
    first = first_look(reader.networks.diseased, views, above[0], _silent)
    second = second_look(reader.networks.covid, views, first, _silent)
    infected = infected_voxels(infected_pixels(views, first, above), shown, case)
    return probabilities(first, second, views), infected


def rates_by_centre(
    predictions: Sequence[Prediction], key: str, threshold: float
) -> dict[str, list[Rate | None]]:
    """Return the columns of Table 3 (``diseased``) or 4 (``COVID-19 given diseased``) for every centre.

    A centre is a scanner (of readings: a cohort); scanners drawn at random are one centre together. The last
    row is ``all``. None where a centre has no study to count. Studies of the healthy count in Table 3 alone.
    """
    counted = [one for one in predictions if truth_of(key, one.class_name) is not None]
    groups: dict[str, list[Prediction]] = {}
    for one in sorted(counted, key=lambda one: one.scanner):
        groups.setdefault(_centre_of(one.scanner), []).append(one)
    groups[EVERYONE] = counted
    return {
        centre: [_right(studies, key, threshold, column) for column in _COLUMNS[key]]
        for centre, studies in groups.items()
    }


def _right(studies: Sequence[Prediction], key: str, threshold: float, column: Column) -> Rate | None:
    right = [
        (one.probabilities[key] >= threshold) == truth_of(key, one.class_name)
        for one in studies
        if column.counts(one.class_name)
    ]
    return rate(sum(right), len(right))


def _centre_of(scanner: str) -> str:
    return "drawn scanners" if scanner.startswith(DRAWN) else scanner


def _centre_table(key: str, rows: Mapping[str, Sequence[Rate | None]], threshold: float) -> Table:
    columns = [column.title for column in _COLUMNS[key]]
    cells = [(centre, *map(_percent, rates)) for centre, rates in rows.items()]
    cells += [
        (name, *("-" if value is None else f"{value:.2f}" for value in values))
        for name, values in PUBLISHED[key].items()
    ]
    note = (
        f"Percent of the studies called rightly at {threshold:.3f}, the operating point of the weights. A "
        "centre is a scanner; the test part has only scanners that training did not see."
    )
    return Table(_TITLES[key], ("centre", *columns), cells, note)


def _percent(found: Rate | None) -> str:
    return "-" if found is None else f"{100 * found.value:.1f} ({found.hits} of {found.total})"


def _errors(predictions: Sequence[Prediction]) -> dict[str, dict[str, float] | None]:
    """Error of the infected percent by class, then over all, in points."""
    known = [one for one in predictions if TRULY_INFECTED in one.findings]
    classes = sorted({one.class_name for one in known})
    groups = {name: [one for one in known if one.class_name == name] for name in classes}
    return {name: _error(group) for name, group in {**groups, EVERYONE: known}.items()}


def _error(group: Sequence[Prediction]) -> dict[str, float] | None:
    found = np.array([one.findings[INFECTED] for one in group])
    true = np.array([one.findings[TRULY_INFECTED] for one in group])
    limits = limits_of_agreement(found, true)
    if limits is None:
        return None
    return {
        "n": len(group), "mean_true": float(true.mean()), "mean_found": float(found.mean()),
        "mean_absolute_error": float(np.abs(found - true).mean()),
        "median_absolute_error": float(np.median(np.abs(found - true))),
        "lower_limit": limits.lower, "upper_limit": limits.upper,
    }  # fmt: skip


def _error_table(errors: Mapping[str, Mapping[str, float]]) -> Table:
    rows = [
        (name, f"{found['n']:.0f}", f"{found['mean_true']:.1f}", f"{found['mean_found']:.1f}",
         f"{found['mean_absolute_error']:.2f}", f"{found['median_absolute_error']:.2f}",
         f"{found['lower_limit']:.1f} to {found['upper_limit']:.1f}")
        for name, found in errors.items()
    ]  # fmt: skip
    columns = ("class", "studies", "true mean", "found mean", "mean error", "median error", "95 % limits")
    note = "Absolute errors and limits of agreement (found minus true) in points of the infected percent."
    return Table("Infected percent against the truth", columns, rows, note)


def _silent(done: float) -> None:
    """An evaluation tells its progress study by study."""
