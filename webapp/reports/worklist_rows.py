"""Rows of the worklist (API and page show the same)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from webapp.accounts.models import User
from webapp.analyses.models import Analysis
from webapp.analyses.outlook import Outlook
from webapp.cohorts.models import Cohort
from webapp.cohorts.permissions import Action
from webapp.cohorts.selectors import cohorts_for
from webapp.core.models import WorkState
from webapp.imaging.models import Series, SeriesRevision, Study
from webapp.reports.predicted import covid_predictions
from webapp.reports.row_parts import geometry_of, patient_of, person, present, viewer_url
from webapp.reviews.models import Reading, ReadingState

RETRYABLE = (WorkState.FAILED, WorkState.CANCELLED)


def rows_of(user: User, page: Collection[Series]) -> list[dict[str, Any]]:
    """Return one row per series of ``reports.selectors.worklist``. What is absent or hidden has no key."""
    cohorts = _cohorts(user, page)
    retryable = set(cohorts_for(user, Action.ANALYSE).values_list("pk", flat=True))
    analyses = _analyses(page)
    readings = _readings(user, page)
    done = {series.pk: _done(series, analyses.get(series.current_id, [])) for series in page}
    predictions = covid_predictions([run.pk for run in done.values() if run])
    outlook = Outlook()
    rows = []
    for series in page:
        mine = cohorts.get(series.study_id, [])
        runs, shown = analyses.get(series.current_id, []), done[series.pk]
        may_retry = any(cohort.pk in retryable for cohort in mine)
        rows.append(
            _row(series, mine)
            | present(
                {
                    "analysis": _analysis(runs[-1], outlook, may_retry) if runs else None,
                    "infected_percent": shown.infected_percent if shown else None,
                    "predictions": (predictions[shown.pk] or None) if shown else None,
                    "reading": _reading(user, readings.get(series.pk, [])),
                }
            )
        )
    return rows


def _row(series: Series, cohorts: list[Cohort]) -> dict[str, Any]:
    study = series.study
    chosen = next((cohort for cohort in cohorts if cohort.slug == _note(series, "chosen_cohort")), None)
    cohort = chosen or (cohorts[0] if cohorts else None)
    return present(
        {
            "series": str(series.pk),
            "study": str(study.pk),
            "patient": patient_of(study),
            "study_date": study.study_date,
            "description": series.description or study.description or None,
            "cohort": {"slug": cohort.slug, "name": cohort.name} if cohort else None,
            "geometry": geometry_of(series),
            "state": series.state,
            "reason": series.reason or None,
            "ai_hidden": not _note(series, "results_shown"),
            "viewer_url": viewer_url(series),
        }
    )


def _analysis(analysis: Analysis, outlook: Outlook, may_retry: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": str(analysis.pk),
        "state": analysis.state,
        "stage": analysis.stage or None,
        "progress": analysis.progress,
        "seconds_left": outlook.seconds_left(analysis),
        "queue_position": outlook.queue_position(analysis),
        "finished_at": analysis.finished_at,
        "may_retry": may_retry and analysis.state in RETRYABLE,
    }
    if analysis.state == WorkState.FAILED:
        told["error"] = {
            "code": analysis.error_code,
            "message": analysis.error_message,
            "hint": analysis.error_hint,
            "reference": analysis.error_reference,
        }
    return present(told)


def _done(series: Series, runs: list[Analysis]) -> Analysis | None:
    """Return the analysis whose results the row tells: the newest that succeeded, if the user may see it."""
    if not _note(series, "results_shown"):
        return None
    return next((run for run in reversed(runs) if run.state == WorkState.SUCCEEDED), None)


def _reading(user: User, readings: list[Reading]) -> dict[str, Any] | None:
    """Return the reading that matters most to the user: an own draft, own signed, others' signed, others'."""
    if not readings:
        return None

    def rank(reading: Reading) -> tuple[bool, bool, float]:
        mine, signed = reading.reader_id == user.pk, reading.state == ReadingState.SIGNED
        return mine, signed != mine, reading.updated_at.timestamp()

    reading = max(readings, key=rank)
    return {
        "id": str(reading.pk),
        "state": reading.state,
        "reader": person(reading.reader),
        "mine": reading.reader_id == user.pk,
        "revision": reading.revision,
    }


def _cohorts(user: User, page: Iterable[Series]) -> dict[UUID, list[Cohort]]:
    """Return per study the cohorts through which the user sees it."""
    links = Study.cohorts.through.objects.filter(
        study__in={series.study_id for series in page}, cohort__in=cohorts_for(user).values("pk")
    )
    found: dict[UUID, list[Cohort]] = {}
    for link in links.select_related("cohort").order_by("cohort__name"):
        found.setdefault(link.study_id, []).append(link.cohort)
    return found


def _analyses(page: Iterable[Series]) -> dict[UUID | None, list[Analysis]]:
    """Return per current revision its analyses, oldest first, without their results."""
    revisions: dict[UUID, SeriesRevision] = {
        series.current.pk: series.current for series in page if series.current
    }
    found: dict[UUID | None, list[Analysis]] = {}
    runs = Analysis.objects.filter(revision__in=revisions).defer("results", "options")
    for analysis in runs.order_by("created_at", "pk"):
        analysis.revision = revisions[analysis.revision_id]
        found.setdefault(analysis.revision_id, []).append(analysis)
    return found


def _readings(user: User, page: Iterable[Series]) -> dict[UUID, list[Reading]]:
    """Return per series the readings in the user's cohorts. Their answers stay where they are."""
    rows = (
        Reading.objects.filter(
            series_revision__series__in=[series.pk for series in page],
            cohort__in=cohorts_for(user).values("pk"),
        )
        .select_related("reader", "series_revision")
        .defer("answers", "answers_before_ai", "analyses_shown", "series_revision__manifest")
    )
    found: dict[UUID, list[Reading]] = {}
    for reading in rows:
        found.setdefault(reading.series_revision.series_id, []).append(reading)
    return found


def _note(series: Series, name: str) -> Any:
    """Return what ``reports.selectors.worklist`` annotated."""
    return getattr(series, name)
