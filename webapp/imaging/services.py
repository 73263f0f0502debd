"""Writes of the imaging app. Every way in (browser, API, command line) goes through ``receive``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from webapp.accounts.models import User
from webapp.audit import services as audit
from webapp.audit.models import AuditEvent
from webapp.cohorts.models import Cohort
from webapp.core.errors import UserError
from webapp.core.wakeups import wake_after_commit
from webapp.imaging.checks import Keep, check_revision, check_upload
from webapp.imaging.manifests import announce
from webapp.imaging.models import CHECKS, Series, SeriesRevision, SeriesState, Study, Upload
from webapp.imaging.receiving import BATCH, SentFile, examine, take
from webapp.imaging.settling import settle_failed_checks
from webapp.imaging.signals import series_completed

__all__ = [
    "Keep",
    "SentFile",
    "check_revision",
    "check_upload",
    "complete",
    "complete_idle_uploads",
    "open_upload",
    "override_geometry",
    "receive",
    "record_opened",
    "settle_failed_checks",
]

OPENED_AGAIN = timedelta(minutes=30)
"""The viewer asks many times while one study is open: that is one opening."""
PSEUDONYM = re.compile(r"[\w.+-](?:[\w .+-]{0,62}[\w.+-])?")


def open_upload(*, user: User, cohort: Cohort, pseudonym: str = "") -> Upload:
    """Begin an upload of ``user`` into ``cohort``; the caller has checked that they may.

    Raises UserError when the pseudonym has characters or a length that none may have.
    """
    if pseudonym and not PSEUDONYM.fullmatch(pseudonym):
        raise UserError(
            "bad_pseudonym",
            "This pseudonym cannot be used.",
            "Use 1 to 64 letters, digits, spaces and . _ + -",
        )
    with transaction.atomic():
        upload = Upload.objects.create(
            user=user, cohort=cohort, pseudonym=pseudonym, tries_left=settings.LUNGSIGHT_TRIES
        )
        audit.record(actor=user, action="upload.opened", target=upload, details={"cohort": cohort.slug})
    return upload


def receive(*, upload: Upload, files: Sequence[SentFile]) -> None:
    """Take files into an upload that is still receiving: the one service for all ways in.

    Keeps the bytes durably, reads bounded headers, writes the rows. What became of each file stands in
    ``upload.files``. A bad file costs a sentence there; the files beside it are kept. Raises UserError
    (409) when the upload has ended meanwhile.
    """
    for start in range(0, len(files), BATCH):
        examined = [examine(sent, upload.pseudonym) for sent in files[start : start + BATCH]]
        take(upload, examined, hold=lambda: _touch(upload))


def complete(*, upload: Upload) -> None:
    """Say that nothing more will come: the check worker takes over. Saying it twice does no harm."""
    with transaction.atomic():
        now = timezone.now()
        ended = Upload.objects.filter(pk=upload.pk, receiving=True).update(
            receiving=False, queued_at=now, updated_at=now
        )
        if not ended:
            return
        audit.record(
            actor=upload.user,
            action="upload.completed",
            target=upload,
            details={"files": upload.files.count()},
        )
        wake_after_commit(CHECKS)


def complete_idle_uploads() -> int:
    """Complete uploads that stopped in the middle; return how many. The reconciler calls it."""
    silent_since = timezone.now() - timedelta(seconds=settings.LUNGSIGHT_UPLOAD_IDLE_SECONDS)
    idle = list(Upload.objects.filter(receiving=True, updated_at__lt=silent_since).select_related("user"))
    for upload in idle:
        complete(upload=upload)
    return len(idle)


def override_geometry(*, series: Series, user: User, reason: str) -> None:
    """Let a series be measured although its geometry is unusable. The next revision is judged afresh.

    Raises UserError (409) when the series is not unusable, or its slices make no volume at all.
    """
    revision = series.current
    if series.state != SeriesState.UNUSABLE or revision is None:
        raise UserError("not_unusable", "The geometry of this series needs no override.", status=409)
    if revision.volume_zstd_id is None:
        raise UserError(
            "no_volume", "These slices make no volume, so they cannot be measured.", series.reason, status=409
        )
    with transaction.atomic():
        changed = Series.objects.filter(pk=series.pk, state=SeriesState.UNUSABLE, current=revision).update(
            state=SeriesState.READY, override_reason=reason, updated_at=timezone.now()
        )
        if not changed:
            raise UserError("not_unusable", "The series has changed meanwhile. Look at it again.", status=409)
        audit.record(
            actor=user, action="series.overridden", target=series, details={"revision": revision.number}
        )
        announce([series])
        transaction.on_commit(
            partial(series_completed.send, sender=SeriesRevision, revision=revision), robust=True
        )


def record_opened(*, user: User, study: Study) -> None:
    """Note in the audit trail that ``user`` opened the study, once per OPENED_AGAIN."""
    since = timezone.now() - OPENED_AGAIN
    known = AuditEvent.objects.filter(
        action="study.opened", actor_key=str(user.pk), target_key=str(study.pk), at__gte=since
    )
    if not known.exists():
        audit.record(actor=user, action="study.opened", target=study)


def _touch(upload: Upload) -> None:
    """Lock the upload, which must still be receiving, and note that something came."""
    if not Upload.objects.filter(pk=upload.pk, receiving=True).update(updated_at=timezone.now()):
        raise UserError(
            "upload_ended", "This upload has ended.", "Start another upload for these files.", status=409
        )
