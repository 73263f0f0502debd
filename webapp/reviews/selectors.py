"""Readings as a user may see them."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from webapp.accounts.models import User
from webapp.analyses.models import Analysis
from webapp.cohorts.models import Cohort
from webapp.cohorts.permissions import Action
from webapp.cohorts.selectors import cohorts_for
from webapp.core.models import WorkState
from webapp.imaging.models import Series, SeriesRevision, Study
from webapp.reviews.models import Reading, ReadingState, Round


def readings_for(user: User | AnonymousUser) -> QuerySet[Reading]:
    """Return the readings that ``user`` may see.

    Own ones; all of them for an administrator; those of others in the user's cohorts: signed ones, and for
    those who read there drafts too. Who still has to read a series does not see what others answered on it.
    """
    readings = Reading.objects.filter(series_revision__series__study__cohorts=F("cohort"))
    if not isinstance(user, User) or not user.is_active:
        return readings.none()
    if user.is_administrator:
        return readings
    of_others = Q(state=ReadingState.SIGNED) | Q(cohort__in=cohorts_for(user, Action.READ))
    in_cohorts = readings.filter(cohort__in=cohorts_for(user))
    return in_cohorts.filter(Q(reader=user) | (of_others & ~_blinding(user)))


def _blinding(user: User) -> Q:
    """Return the condition on readings that they could still sway ``user``.

    Before one's own signature on the series: readers of it always, leads once they have begun a reading
    (an adjudication compares readings, so it is not blinded).
    """
    series = OuterRef("series_revision__series")
    own = Reading.objects.filter(reader=user, series_revision__series=series)
    signed = Exists(own.filter(state=ReadingState.SIGNED))
    begun = Exists(own.filter(state=ReadingState.DRAFT).exclude(round=Round.ADJUDICATION))
    to_read = Exists(
        Study.objects.filter(
            pk=OuterRef("series_revision__series__study"),
            cohorts__in=cohorts_for(user, Action.READ).exclude(pk__in=cohorts_for(user, Action.MANAGE)),
        )
    )
    return ~Q(signed) & (Q(begun) | Q(to_read))


def with_parts(readings: QuerySet[Reading]) -> QuerySet[Reading]:
    """Load everything that the API tells about readings in a fixed number of queries."""
    return readings.select_related("series_revision__series", "cohort", "reader").prefetch_related(
        "verdicts__mask", "verdicts__region", "own_regions__mask", "addenda"
    )


def reading_cohorts_for(user: User | AnonymousUser, series: Series) -> QuerySet[Cohort]:
    """Return the cohorts of the series in which ``user`` may read it."""
    return cohorts_for(user, Action.READ).filter(studies=series.study_id)


def newest_analysis(revision: SeriesRevision) -> Analysis | None:
    """Return the analysis of this series revision that finished last."""
    done = Analysis.objects.filter(revision=revision, state=WorkState.SUCCEEDED)
    return done.order_by("-finished_at", "-created_at").first()


def neighbours(rows: QuerySet[Series], series: Series) -> tuple[Series | None, Series | None]:
    """Return the series before and after ``series`` in the order of the worklist (newest first)."""
    newer = Q(created_at__gt=series.created_at) | Q(created_at=series.created_at, pk__gt=series.pk)
    older = Q(created_at__lt=series.created_at) | Q(created_at=series.created_at, pk__lt=series.pk)
    before = rows.filter(newer).order_by("created_at", "pk").first()
    return before, rows.filter(older).order_by(*WORKLIST_ORDER).first()


WORKLIST_ORDER = ("-created_at", "-pk")
"""Newest series first; the id decides between series of the same moment."""
