"""Rows of a cohort's table (API, page and CSV say the same)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, Count, ExpressionWrapper

from webapp.accounts.models import User
from webapp.analyses.models import Analysis
from webapp.analyses.visibility import ai_shown
from webapp.cohorts.models import Role
from webapp.core.models import WorkState
from webapp.imaging.models import Series
from webapp.reports.measured import measured, row_part
from webapp.reports.predicted import Predictions, predicted
from webapp.reports.row_parts import patient_of, person, present, viewer_url
from webapp.reviews.answers import LOBES
from webapp.reviews.models import Judgement, OwnRegion, Reading, ReadingState, Verdict


@dataclass(frozen=True, slots=True)
class TableLine:
    """One line of a cohort's table: a series and, if there is one, a signed reading of it."""

    cohort: UUID
    series: UUID
    reading: UUID | None


@dataclass(frozen=True, slots=True)
class _Loaded:
    """Everything that the rows of one page need, fetched in a fixed number of queries."""

    series: Mapping[UUID, Series]
    readings: Mapping[UUID, Reading]
    verdicts: Mapping[UUID, Mapping[str, int]]
    own_regions: Mapping[UUID, int]
    newest: Mapping[UUID, Analysis]
    analyses: Mapping[UUID, Analysis]
    measured: Mapping[UUID, Mapping[str, Any]]
    predicted: Mapping[UUID, Predictions]


def table_rows(user: User, lines: Collection[TableLine]) -> list[dict[str, Any]]:
    """Return one row per line. What is absent or hidden has no key.

    Numbers of the systems (what was measured, verdict counts) are shown by the cohort's AI policy. Only
    administrators and the cohort's data managers, who do not read there, see them in any case, except on
    series that they have begun to read themselves.
    """
    loaded = _load(user, lines)
    exempt = _exempt(user, {line.cohort for line in lines})
    return [_row(line, loaded, line.cohort in exempt) for line in lines if line.series in loaded.series]


def _row(line: TableLine, loaded: _Loaded, exempt: bool) -> dict[str, Any]:
    series = loaded.series[line.series]
    shows_ai = series.results_shown or (exempt and not series.begun)  # type: ignore[attr-defined]
    reading = loaded.readings.get(line.reading) if line.reading else None
    analysis = _analysis(series, reading, loaded)
    row: dict[str, Any] = {
        "study": str(series.study_id),
        "patient": patient_of(series.study),
        "study_date": series.study.study_date,
        "series": str(series.pk),
        "series_description": series.description or None,
        "geometry": series.current.grade if series.current and series.current.grade else None,
        "viewer_url": viewer_url(series),
        "ai_hidden": not shows_ai,
    }
    if analysis is not None and shows_ai:
        found = loaded.measured[analysis.pk]
        row["infected_percent"] = analysis.infected_percent
        row["infected_percent_by_system"] = found["shares"] or None
        row["systems"] = _systems(found["versions"])
        row["measured"] = row_part(found["quantification"]) or None
        row["predicted"] = loaded.predicted[analysis.pk] or None
    if reading is not None:
        row |= _reading_part(reading, loaded)
        row["verdicts"] = _verdicts(reading, loaded) if shows_ai else None
    return present(row)


def _reading_part(reading: Reading, loaded: _Loaded) -> dict[str, Any]:
    answers = reading.answers
    severity = answers.get("severity", {})
    return {
        "reading": str(reading.pk),
        "round": reading.round,
        "reader": person(reading.reader),
        "signed_at": reading.signed_at,
        "co_rads": answers.get("co_rads"),
        "pcr": answers.get("pcr"),
        "severity": severity,
        "severity_total": sum(severity.values()) if len(severity) == len(LOBES) else None,
        "diagnosis": answers.get("diagnosis"),
        "confidence": answers.get("confidence"),
        "answers_before_ai": reading.answers_before_ai,
        "nothing_else": answers.get("nothing_else", False),
        "own_regions": loaded.own_regions.get(reading.pk, 0),
        "content_hash": reading.content_hash,
    }


def _verdicts(reading: Reading, loaded: _Loaded) -> dict[str, int]:
    """Return how many regions got which verdict; ``none``: regions shown in the reading without one."""
    given = loaded.verdicts.get(reading.pk, {})
    counts = {judgement.value: given.get(judgement.value, 0) for judgement in Judgement}
    analysis = loaded.analyses.get(reading.analysis_id) if reading.analysis_id else None
    regions: int = getattr(analysis, "found", 0)
    return counts | {"none": max(0, regions - sum(counts.values()))}


def _analysis(series: Series, reading: Reading | None, loaded: _Loaded) -> Analysis | None:
    """Return the analysis judged in the reading, else the newest of the revision that was read."""
    if reading is not None and reading.analysis_id:
        return loaded.analyses.get(reading.analysis_id)
    revision = reading.series_revision_id if reading is not None else series.current_id
    return loaded.newest.get(revision) if revision else None


def _systems(versions: Mapping[str, str]) -> str:
    return "; ".join(f"{name} {version}".strip() for name, version in versions.items())


def _load(user: User, lines: Collection[TableLine]) -> _Loaded:
    readings = {
        reading.pk: reading
        for reading in Reading.objects.filter(pk__in=[line.reading for line in lines if line.reading])
        .select_related("reader")
        .defer("analyses_shown")
    }
    series = _series(user, {line.series for line in lines})
    revisions = {one.current_id for one in series.values()} | {
        reading.series_revision_id for reading in readings.values()
    }
    done = list(
        Analysis.objects.filter(revision__in=revisions - {None}, state=WorkState.SUCCEEDED)
        .annotate(found=Count("regions"))
        .defer("options", "results")
        .order_by("finished_at", "created_at")
    )
    return _Loaded(
        series=series,
        readings=readings,
        verdicts=_verdict_counts(readings),
        own_regions=dict(
            OwnRegion.objects.filter(reading__in=readings)
            .values_list("reading")
            .annotate(n=Count("pk"))
            .order_by()
        ),
        newest={run.revision_id: run for run in done},
        analyses={run.pk: run for run in done},
        measured=measured([run.pk for run in done], [name for run in done for name in run.systems]),
        predicted=predicted([run.pk for run in done]),
    )


def _series(user: User, ids: Iterable[UUID]) -> dict[UUID, Series]:
    begun = set(
        Reading.objects.filter(
            reader=user, state=ReadingState.DRAFT, series_revision__series__in=ids
        ).values_list("series_revision__series", flat=True)
    )
    rows = (
        Series.objects.filter(pk__in=ids)
        .annotate(results_shown=ExpressionWrapper(ai_shown(user), output_field=BooleanField()))
        .select_related("study__patient", "current")
        .defer("current__manifest")
    )
    found: dict[UUID, Series] = {}
    for series in rows:
        series.begun = series.pk in begun  # type: ignore[attr-defined]
        found[series.pk] = series
    return found


def _verdict_counts(readings: Iterable[UUID]) -> dict[UUID, dict[str, int]]:
    rows = (
        Verdict.objects.filter(reading__in=readings)
        .values_list("reading", "judgement")
        .annotate(n=Count("pk"))
        .order_by()
    )
    counts: dict[UUID, dict[str, int]] = {}
    for reading, judgement, n in rows:
        counts.setdefault(reading, {})[judgement] = n
    return counts


def _exempt(user: User, cohorts: set[UUID]) -> set[UUID]:
    """Return the cohorts in which the user handles data and does not read."""
    if user.is_administrator:
        return cohorts
    manages = user.memberships.filter(role=Role.DATA_MANAGER, cohort__in=cohorts)
    return set(manages.values_list("cohort_id", flat=True))
