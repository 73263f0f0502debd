"""What becomes of series and files whose check no worker could end."""

from __future__ import annotations

from django.db import transaction
from django.db.models import OuterRef, Q, Subquery

from webapp.core.models import WorkState
from webapp.imaging.manifests import announce, revise
from webapp.imaging.models import FileOutcome, Series, SeriesRevision, SeriesState, Upload, UploadedFile

POISON = "The worker stopped every time it opened this file. Send it in another form."
NOT_OPENED = "This file was not opened, because the check of the upload was given up. Send it again."


def settle_failed_checks() -> int:
    """Tell series and files whose check was given up; return how many.

    The worker calls it after a failure and the reconciler from time to time; doing it twice does no harm.
    """
    revisions, uploads = _unsettled_revisions(), _unsettled_uploads()
    for revision in revisions:
        _settle_series(revision)
    for upload in uploads:
        _settle_upload(upload)
    return len(revisions) + len(uploads)


def _unsettled_revisions() -> list[SeriesRevision]:
    latest = SeriesRevision.objects.filter(series=OuterRef("series")).order_by("-number")
    failed = SeriesRevision.objects.filter(
        state=WorkState.FAILED, number=Subquery(latest.values("number")[:1])
    ).exclude(series__state=SeriesState.FAILED)
    return list(failed.select_related("series"))


def _settle_series(revision: SeriesRevision) -> None:
    with transaction.atomic():
        Series.objects.filter(pk=revision.series_id).update(
            state=SeriesState.FAILED, reason=f"{revision.error_message} {revision.error_hint}".strip()
        )
        announce([revision.series])


def _unsettled_uploads() -> list[Upload]:
    open_ends = Q(files__outcome=FileOutcome.PENDING) | Q(series__state=SeriesState.RECEIVING)
    return list(Upload.objects.filter(open_ends, state=WorkState.FAILED).distinct())


def _settle_upload(upload: Upload) -> None:
    """Refuse what was not opened, and let the good files beside it go on."""
    with transaction.atomic():
        pending = UploadedFile.objects.filter(upload=upload, outcome=FileOutcome.PENDING)
        pending.filter(tries__gt=0).update(outcome=FileOutcome.REFUSED, reason=POISON)
        pending.update(outcome=FileOutcome.REFUSED, reason=NOT_OPENED)
        revise(Series.objects.filter(uploads=upload))
