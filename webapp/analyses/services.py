"""Starting, stopping and repeating analyses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db import transaction

from webapp.accounts.models import User
from webapp.analyses import live
from webapp.analyses.models import ANALYSES, Analysis
from webapp.analyses.requests import checked_options, checked_systems
from webapp.audit import services as audit
from webapp.core import work
from webapp.core.errors import UserError
from webapp.core.models import WorkState
from webapp.core.wakeups import wake_after_commit
from webapp.imaging.models import Grade, Series, SeriesRevision, SeriesState

ACTIVE = (WorkState.QUEUED, WorkState.RUNNING)


def request_analysis(
    *,
    series: Series,
    systems: Sequence[str],
    options: Mapping[str, Any] | None = None,
    priority: int = 0,
    user: User | None = None,
) -> Analysis:
    """Queue an analysis of the current revision of ``series``; ``user`` None: the site asks by itself.

    The same request while one waits or runs returns that one. Raises UserError when the systems or options
    do not exist, or the series cannot be analysed.
    """
    names = checked_systems(systems)
    chosen = checked_options(names, options or {})
    with transaction.atomic():
        # Two requests at once take turns here: by the row lock on PostgreSQL, by IMMEDIATE on SQLite.
        series = Series.objects.select_for_update().get(pk=series.pk)
        revision = _analysable(series)
        same = Analysis.objects.filter(revision=revision, systems=names, options=chosen, state__in=ACTIVE)
        existing = same.first()
        if existing is not None:
            return existing
        analysis = Analysis.objects.create(
            revision=revision,
            systems=names,
            options=chosen,
            priority=priority,
            requested_by=user,
            tries_left=settings.LUNGSIGHT_TRIES,
        )
        audit.record(actor=user, action="analysis.requested", target=analysis, details={"systems": names})
        _announce(analysis)
        wake_after_commit(ANALYSES)
    return analysis


def cancel_analysis(*, analysis: Analysis, user: User) -> Analysis:
    """Stop an analysis that waits or runs. Raises UserError ``not_active`` when it has ended already."""
    with transaction.atomic():
        if not work.cancel(analysis):
            raise UserError("not_active", "This analysis has already ended.", status=409)
        audit.record(actor=user, action="analysis.cancelled", target=analysis)
        analysis.refresh_from_db()
        _announce(analysis)
    return analysis


def retry_analysis(*, analysis: Analysis, user: User) -> Analysis:
    """Queue a failed or cancelled analysis again. Raises UserError ``not_ended`` in any other state."""
    with transaction.atomic():
        _analysable(analysis.revision.series)
        if not work.retry(analysis):
            raise UserError(
                "not_ended",
                "Only an analysis that failed or was cancelled can be tried again.",
                "Start a new analysis of the series to run it once more.",
                status=409,
            )
        audit.record(actor=user, action="analysis.retried", target=analysis)
        analysis.refresh_from_db()
        _announce(analysis)
        wake_after_commit(ANALYSES)
    return analysis


def _analysable(series: Series) -> SeriesRevision:
    """Return the revision to analyse. Raises UserError with the reason when there is none."""
    revision = series.current
    if revision is None or series.state in (SeriesState.RECEIVING, SeriesState.CHECKING):
        raise UserError(
            "series_not_ready",
            "The series is still being checked.",
            "Start the analysis when the check is done.",
            status=409,
        )
    if series.state == SeriesState.FAILED or revision.volume_zstd_id is None:
        reason = series.reason or "The series could not be read."
        raise UserError("series_unreadable", f"The series cannot be analysed. {reason}", status=409)
    if revision.grade == Grade.UNUSABLE and not series.override_reason:
        raise UserError(
            "geometry_unusable",
            f"The series cannot be measured. {series.reason}".strip(),
            "If you know better, override the check with a reason.",
            status=409,
        )
    return revision


def _announce(analysis: Analysis) -> None:
    transaction.on_commit(lambda: live.tell_progress(analysis), robust=True)
