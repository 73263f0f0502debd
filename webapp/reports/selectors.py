"""Worklist and cohort tables: which series, in which order, how many. The rows stand beside it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, Count, Exists, ExpressionWrapper, OuterRef, Q, QuerySet, Value

from webapp.accounts.models import User
from webapp.analyses.visibility import ai_shown
from webapp.cohorts.models import Cohort
from webapp.cohorts.permissions import Action
from webapp.cohorts.selectors import cohorts_for
from webapp.imaging.models import Series, SeriesState, Study
from webapp.imaging.selectors import series_for
from webapp.reports.table_rows import TableLine, table_rows
from webapp.reports.worklist_rows import rows_of
from webapp.reviews.models import Reading, ReadingState
from webapp.reviews.selectors import WORKLIST_ORDER, readings_for

STATES = ("unread", "mine", "signed", "all")
"""Tabs of the worklist. A series is unread, mine (a draft of this user) or signed, never two of them."""


def worklist(
    user: User, *, state: str = "all", cohort: str = "", q: str = "", series: Collection[UUID] | None = None
) -> QuerySet[Series]:
    """Return the series of one tab, newest first, with what a row needs.

    ``cohort`` is a slug, ``q`` a part of a pseudonym or study description, ``series`` some ids.
    """
    rows = _with_reading_state(user, _found(user, cohort, q), cohort)
    if series is not None:
        rows = rows.filter(pk__in=series)
    if state != "all":
        rows = rows.filter(_TABS[state])
    shown = ExpressionWrapper(ai_shown(user), output_field=BooleanField())
    return (
        rows.annotate(results_shown=shown, chosen_cohort=Value(cohort))
        .select_related("study__patient", "current")
        .defer("current__manifest")
        .order_by(*WORKLIST_ORDER)
    )


def worklist_rows(user: User, page: Iterable[Series]) -> list[dict[str, Any]]:
    """Return the rows of one page of ``worklist``, in a number of queries that does not grow with it."""
    return rows_of(user, list(page))


def worklist_counts(user: User, *, cohort: str = "", q: str = "") -> dict[str, int]:
    """Return how many series each tab holds, in one query."""
    rows = _with_reading_state(user, _found(user, cohort, q), cohort)
    counts = rows.aggregate(
        **{state: Count("pk", filter=condition) for state, condition in _TABS.items()}, all=Count("pk")
    )
    return {state: int(counts[state]) for state in STATES}


def next_unread(user: User) -> Series | None:
    """Return the newest series that this user could read now and nobody has signed."""
    readable = worklist(user, state="unread").filter(
        pk__in=series_for(user, Action.READ).values("pk"), state=SeriesState.READY
    )
    return readable.first()


def cohort_counts(user: User) -> Mapping[UUID, dict[str, int]]:
    """Return per cohort of the user the numbers of studies and of signed readings."""
    cohorts = cohorts_for(user)
    studies = dict(cohorts.annotate(n=Count("studies")).values_list("pk", "n"))
    signed = cohorts.annotate(n=Count("readings", filter=Q(readings__state=ReadingState.SIGNED)))
    return {pk: {"studies": studies[pk], "signed": n} for pk, n in signed.values_list("pk", "n")}


def cohort_table(user: User, cohort: Cohort) -> list[TableLine]:
    """Return the lines of a cohort's table, newest series first.

    One for each signed reading that the user may see, and one for each series that has none.
    """
    signed = readings_for(user).filter(cohort=cohort, state=ReadingState.SIGNED).order_by("signed_at")
    readings: dict[UUID, list[UUID]] = {}
    for series, reading in signed.values_list("series_revision__series", "pk"):
        readings.setdefault(series, []).append(reading)
    rows = Series.objects.filter(study__cohorts=cohort).filter(
        Q(state=SeriesState.READY) | Q(pk__in=list(readings))
    )
    return [
        TableLine(cohort.pk, series, reading)
        for series in rows.order_by(*WORKLIST_ORDER).values_list("pk", flat=True)
        for reading in readings.get(series, [None])
    ]


def cohort_table_rows(user: User, page: Iterable[TableLine]) -> list[dict[str, Any]]:
    """Return the rows of some lines of ``cohort_table``."""
    return table_rows(user, list(page))


def _found(user: User, cohort: str, q: str) -> QuerySet[Series]:
    rows = series_for(user)
    if cohort:
        chosen = cohorts_for(user).filter(slug=cohort)
        rows = rows.filter(Exists(Study.objects.filter(pk=OuterRef("study"), cohorts__in=chosen)))
    if q:
        words = q.replace("\x00", "")
        rows = rows.filter(
            Q(study__patient__pseudonym__icontains=words) | Q(study__description__icontains=words)
        )
    return rows


def _with_reading_state(user: User, rows: QuerySet[Series], cohort: str) -> QuerySet[Series]:
    """Annotate whether the user has a draft, and whether somebody signed in a cohort the user sees."""
    cohorts = cohorts_for(user).filter(slug=cohort) if cohort else cohorts_for(user)
    readings = Reading.objects.filter(series_revision__series=OuterRef("pk"), cohort__in=cohorts)
    return rows.annotate(
        begun=Exists(readings.filter(reader=user, state=ReadingState.DRAFT)),
        done=Exists(readings.filter(state=ReadingState.SIGNED)),
    )


_TABS: Mapping[str, Q] = {
    "unread": Q(begun=False, done=False),
    "mine": Q(begun=True),
    "signed": Q(begun=False, done=True),
}
