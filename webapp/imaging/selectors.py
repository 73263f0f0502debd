"""Uploads, studies and series as a user may see them."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Prefetch, QuerySet
from django.http import Http404

from webapp.accounts.models import User
from webapp.cohorts.models import Cohort
from webapp.cohorts.permissions import Action
from webapp.cohorts.selectors import cohorts_for
from webapp.core.errors import UserError
from webapp.core.models import WorkState
from webapp.imaging.models import Series, SeriesRevision, Study, Upload, UploadState

UNENDED = (WorkState.QUEUED, WorkState.RUNNING)


def studies_for(user: User | AnonymousUser, action: Action = Action.VIEW) -> QuerySet[Study]:
    """Return the studies with which ``user`` may do ``action`` in one cohort at least."""
    shared = Study.cohorts.through.objects.filter(
        study=OuterRef("pk"), cohort__in=cohorts_for(user, action).values("pk")
    )
    return Study.objects.filter(Exists(shared))


def series_for(user: User | AnonymousUser, action: Action = Action.VIEW) -> QuerySet[Series]:
    """Return the series with whose study ``user`` may do ``action`` in one cohort at least."""
    shared = Study.cohorts.through.objects.filter(
        study=OuterRef("study"), cohort__in=cohorts_for(user, action).values("pk")
    )
    return Series.objects.filter(Exists(shared))


def series_or_refusal(user: User | AnonymousUser, pk: UUID, action: Action) -> Series:
    """Return the series; Http404 when the user may not see it, PermissionDenied when they may only see it."""
    series = series_for(user).filter(pk=pk).select_related("study", "current").first()
    if series is None:
        raise Http404
    if not series_for(user, action).filter(pk=pk).exists():
        raise PermissionDenied
    return series


def uploads_for(user: User | AnonymousUser) -> QuerySet[Upload]:
    """Return the user's own uploads into cohorts they still belong to."""
    if not isinstance(user, User):
        return Upload.objects.none()
    unended = SeriesRevision.objects.filter(series__uploads=OuterRef("pk"), state__in=UNENDED)
    return (
        Upload.objects.filter(user=user, cohort__in=cohorts_for(user).values("pk"))
        .annotate(has_open_checks=Exists(unended))
        .select_related("cohort")
    )


def state_of(upload: Upload) -> UploadState:
    """Return the state that people see, of an upload from ``uploads_for``.

    It is being checked until its own work and the checks of all its series have ended.
    """
    if upload.receiving:
        return UploadState.RECEIVING
    if upload.state in UNENDED or getattr(upload, "has_open_checks", False):
        return UploadState.CHECKING
    return UploadState.DONE if upload.state == WorkState.SUCCEEDED else UploadState.FAILED


def destination(user: User | AnonymousUser, slug: str) -> Cohort:
    """Return the cohort an upload goes to: the named one, or the only one the user may upload to.

    Raises Http404 for a cohort the user does not see, UserError when they may not upload or must choose.
    """
    choices = cohorts_for(user, Action.UPLOAD).select_related("hospital")
    if slug:
        cohort = choices.filter(slug=slug).first()
        if cohort is not None:
            return cohort
        if not cohorts_for(user).filter(slug=slug).exists():
            raise Http404
        raise PermissionDenied
    found = list(choices[:2])
    if not found:
        raise UserError(
            "no_cohort",
            "There is no cohort into which you may upload.",
            "Ask a lead to add you to one.",
            status=403,
        )
    if len(found) > 1:
        raise UserError("cohort_missing", "You may upload into several cohorts. Name one.")
    return found[0]


def with_everything(studies: QuerySet[Study], user: User | AnonymousUser) -> QuerySet[Study]:
    """Fetch what a study shows along with it: patient, series, and those of its cohorts the user sees."""
    return studies.select_related("patient").prefetch_related(
        Prefetch("cohorts", cohorts_for(user)), Prefetch("series", series_shown(Series.objects.all()))
    )


def series_shown(series: QuerySet[Series]) -> QuerySet[Series]:
    """Fetch what a series shows along with it, without its manifest, which is large."""
    return series.select_related("current", "study").defer("current__manifest")


def analyses_of(upload: Upload) -> list[UUID]:
    """Return the ids of the analyses of the upload's series, newest last."""
    revisions = SeriesRevision.objects.filter(series__uploads=upload, analyses__isnull=False)
    return list(revisions.order_by("analyses__created_at").values_list("analyses__pk", flat=True))


def reading_cohorts(user: User | AnonymousUser, studies: Collection[UUID]) -> dict[UUID, list[str]]:
    """Return per study the slugs of the cohorts for which ``user`` may read it."""
    links = Study.cohorts.through.objects.filter(
        study__in=studies, cohort__in=cohorts_for(user, Action.READ).values("pk")
    )
    found: dict[UUID, list[str]] = {}
    for study, slug in links.order_by("cohort__slug").values_list("study_id", "cohort__slug"):
        found.setdefault(study, []).append(slug)
    return found
