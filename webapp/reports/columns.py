"""Columns of the cohort export: name, unit, allowed values, meaning, and where the value comes from.

The data dictionary is this table, so a column without an entry cannot exist.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from diagnosis.results import EFFUSION, LESIONS
from diagnosis.systems.catalogue import catalogue
from webapp.core.words import RESEARCH_USE
from webapp.reports.measured import RANGES, TYPES
from webapp.reports.predicted import OPERATING_POINTS, PROBABILITIES, classifiers
from webapp.reviews.answers import CONFIDENCES, DIAGNOSES, LOBES, PCR

Row = Mapping[str, Any]
FROM_THE_ANALYSIS = "From the same analysis as infected_percent, and empty when it did not measure this."


@dataclass(frozen=True, slots=True)
class Column:
    """One column. ``value`` reads it from a row of the cohort's table; None becomes an empty cell."""

    name: str
    unit: str
    values: str
    meaning: str
    value: Callable[[Row], Any]


def _at(*path: str) -> Callable[[Row], Any]:
    """Return the reader of a value some keys deep; None when a key is absent."""

    def read(row: Row) -> Any:
        found: Any = row
        for key in path:
            found = found.get(key) if isinstance(found, Mapping) else None
        return found

    return read


def _severity(lobe: str) -> Column:
    return Column(
        f"severity_{lobe}", "", "0 to 5", f"CT severity score of {lobe} as the reader gave it.",
        _at("severity", lobe),
    )  # fmt: skip


def _measured(name: str, unit: str, values: str, meaning: str, *path: str) -> Column:
    return Column(name, unit, values, f"{meaning} {FROM_THE_ANALYSIS}", _at("measured", *path))


def _lobe(lobe: str) -> Column:
    return _measured(
        f"infected_percent_{lobe}", "%", "0 to 100", f"Infected part of {lobe}.", "lobes_percent", lobe
    )


def _type(name: str) -> Column:
    where = "outside the lungs" if name == LESIONS[EFFUSION] else "inside the lungs"
    return _measured(
        f"{name.replace(' ', '_')}_ml", "ml", "0 and more", f"Volume of {name} {where}.", "types_ml", name
    )


def _suggested(lobe: str) -> Column:
    return _measured(
        f"severity_suggested_{lobe}", "", "0 to 5",
        f"CT severity score that the measurement suggests for {lobe}; the reader's own is severity_{lobe}.",
        "severity", lobe,
    )  # fmt: skip


def _share(name: str) -> Column:
    return Column(
        f"{name}_infected_percent", "%", "0 to 100",
        f"Infected part of both lungs as {catalogue()[name].title} measures it by itself; infected_percent "
        f"stands beside it. {FROM_THE_ANALYSIS}", _at("infected_percent_by_system", name),
    )  # fmt: skip


def _classifier(name: str, key: str) -> tuple[Column, Column]:
    """Return the probability that a classifier gives, and from where on it predicts the key."""
    title = catalogue()[name].title
    where = f"{FROM_THE_ANALYSIS} Networks were trained and measured on phantoms."
    return (
        Column(
            f"{name}_probability_{key}".replace(" ", "_"), "probability", "0 to 1",
            f"Probability of {key} by {title}. {where}", _at("predicted", name, PROBABILITIES, key),
        ),
        Column(
            f"{name}_operating_point_{key}".replace(" ", "_"), "probability", "0 to 1",
            f"From this probability on {title} predicts {key}. {where}",
            _at("predicted", name, OPERATING_POINTS, key),
        ),
    )  # fmt: skip


def _verdict(name: str, meaning: str) -> Column:
    return Column(f"regions_{name}", "regions", "0 and more", meaning, _at("verdicts", name))


def _before(field: str, values: str) -> Column:
    return Column(
        f"{field}_before_ai", "", values,
        f"{field} as it stood when the AI results were shown; empty when they were shown at once or never.",
        _at("answers_before_ai", field),
    )  # fmt: skip


COLUMNS: tuple[Column, ...] = (
    Column("study", "", "UUID", "Study, as in the addresses of this site.", _at("study")),
    Column("series", "", "UUID", "Series that was read.", _at("series")),
    Column("patient", "", "text", "Pseudonym of the patient.", _at("patient", "pseudonym")),
    Column("sex", "", "F, M, O", "Sex of the patient as in the images.", _at("patient", "sex")),
    Column("age", "years", "0 and more", "Age on the day of the study, whole years.", _at("patient", "age")),
    Column("study_date", "date", "ISO 8601", "Day of the study.", _at("study_date")),
    Column("series_description", "", "text", "Description of the series.", _at("series_description")),
    Column(
        "geometry", "", "full, limited, unusable", "May this series be measured?", _at("geometry")
    ),
    Column(
        "infected_percent", "%", "0 to 100",
        "Infected part of both lungs by the analysis judged in the reading, else by the newest one. Empty "
        "without an analysis, and where AI results are hidden from who made the export.",
        _at("infected_percent"),
    ),
    _measured(
        "infected_source", "", "lesions, density",
        "What found the infected voxels: the lesion segmentation, or the density of the lung.", "found_by",
    ),
    _measured("infected_ml", "ml", "0 and more", "Infected volume of both lungs.", "infected_ml"),
    _measured(
        "infected_range", "", ", ".join(RANGES.values()),
        "What the next two columns are: an interval whose coverage was calibrated on phantoms, or a spread, "
        "which says nothing about coverage.", "range",
    ),
    _measured("infected_percent_low", "%", "0 to 100", "Lower end of that range.", "range_low"),
    _measured("infected_percent_high", "%", "0 to 100", "Upper end of that range.", "range_high"),
    *(_lobe(lobe) for lobe in LOBES),
    *(_type(name) for name in TYPES),
    *(_suggested(lobe) for lobe in LOBES),
    _measured(
        "severity_suggested_total", "", "0 to 25", "Sum of the five suggested scores.", "severity_total"
    ),
    *(
        column for name in classifiers() for key in catalogue()[name].probabilities
        for column in _classifier(name, key)
    ),
    *(_share(name) for name, spec in catalogue().items() if spec.measures),
    Column(
        "systems", "", "name version; ...", "Systems and segmentations with versions behind these numbers.",
        _at("systems"),
    ),
    Column("reading", "", "UUID", "Signed reading; empty when nobody has signed one.", _at("reading")),
    Column("round", "", "first, second, adjudication", "Round of the reading.", _at("round")),
    Column("reader", "", "text", "Reader who signed.", _at("reader", "name")),
    Column("signed_at", "time", "ISO 8601, UTC", "Time of the signature.", _at("signed_at")),
    Column("co_rads", "", "1 to 6", "CO-RADS category.", _at("co_rads")),
    Column("pcr", "", ", ".join(PCR), "PCR result; only with CO-RADS 6.", _at("pcr")),
    *(_severity(lobe) for lobe in LOBES),
    Column("severity_total", "", "0 to 25", "Sum of the five severity scores.", _at("severity_total")),
    Column("diagnosis", "", ", ".join(DIAGNOSES), "Diagnosis of the reader.", _at("diagnosis")),
    Column("confidence", "", ", ".join(CONFIDENCES), "How sure the reader was.", _at("confidence")),
    _before("co_rads", "1 to 6"),
    _before("diagnosis", ", ".join(DIAGNOSES)),
    _verdict("accepted", "Regions of the systems that the reader accepted."),
    _verdict("rejected", "Regions of the systems that the reader rejected."),
    _verdict("redrawn", "Regions of the systems that the reader redrew."),
    _verdict("unsure", "Regions of the systems on which the reader was unsure."),
    _verdict("none", "Regions of the systems without a verdict."),
    Column("own_regions", "regions", "0 and more", "Regions that the reader added.", _at("own_regions")),
    Column(
        "nothing_else", "", "true, false", "The reader states that nothing else is infected.",
        _at("nothing_else"),
    ),
    Column(
        "content_hash", "", "SHA-256", "Hash of what was signed, for checking.", _at("content_hash")
    ),
    Column("notice", "", "text", RESEARCH_USE, lambda row: RESEARCH_USE),
)  # fmt: skip
"""In the order of the file."""
