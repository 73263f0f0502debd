"""What a check worker's child does: open untrusted files, decode pixels, judge the geometry."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from django.db import transaction

from webapp.core import work
from webapp.core.models import WorkState
from webapp.imaging.decoding import Decoded, decode
from webapp.imaging.manifests import announce, is_latest, revise
from webapp.imaging.models import (
    FileOutcome,
    Grade,
    Instance,
    Series,
    SeriesRevision,
    SeriesState,
    Upload,
    UploadedFile,
)
from webapp.imaging.opening import open_pending
from webapp.imaging.signals import series_completed
from webapp.imaging.volumes import StoredVolume, store_volume

Keep = Callable[[str, float], None]
"""``keep(stage, progress 0..1)`` renews the lease; it may raise (lease lost, cancelled, stopped)."""

OPENING, READING, STORING = "Opening files", "Reading slices", "Preparing images"
READING_PART = 0.6
"""Share of the check that decoding takes, for the progress."""


def check_upload(upload: Upload, keep: Keep) -> None:
    """Unpack archives, sort NIfTI, make a revision of every series that got new instances.

    ``upload`` is the row as claimed (``core.work.claim``). Ends the work itself (``core.work.finish``).
    Raises LostLease when another worker owns the row; anything else it raises is left to the worker.
    """
    while file := _next_pending(upload):
        keep(OPENING, 0.0)
        open_pending(upload, file, partial(keep, OPENING))
    with transaction.atomic():
        work.finish(upload, WorkState.SUCCEEDED, stage="", progress=1.0)
        revise(Series.objects.filter(uploads=upload))


def check_revision(revision: SeriesRevision, keep: Keep) -> None:
    """Decode the revision to a volume, judge it, store the stream for the viewer, end the work.

    ``revision`` is the row as claimed. A series that cannot be used is a result, not an error: the work
    succeeds and the series says why. Raises LostLease when another worker owns the row; anything else it
    raises is left to the worker.
    """
    keep(READING, 0.0)
    decoded = decode(revision, lambda part: keep(READING, part * READING_PART))
    stored = None
    if decoded.volume is not None:
        stored = store_volume(
            decoded.volume, lambda part: keep(STORING, READING_PART + part * (1 - READING_PART))
        )
    with transaction.atomic():
        _write(revision, decoded, stored)
    # What follows a passed check has been queued by now, so nobody sees the check ended and nothing to come;
    # a worker that dies before this line leaves the check to be done again, and so the signals.
    work.finish(revision, WorkState.SUCCEEDED, stage="", progress=1.0)


def _next_pending(upload: Upload) -> UploadedFile | None:
    """Return the next file to open; one whose opening once killed a worker comes last."""
    pending = upload.files.filter(outcome=FileOutcome.PENDING)
    return pending.order_by("tries", "created_at", "id").first()


def _write(revision: SeriesRevision, decoded: Decoded, stored: StoredVolume | None) -> None:
    """Write the result, unless somebody else has the work now; the series follows its latest revision."""
    series = Series.objects.select_for_update().get(pk=revision.series_id)
    volume = (
        {"volume_header": stored.header, "volume_zstd": stored.zstd, "volume_gzip": stored.gzip}
        if stored
        else {}
    )
    if not work.held(revision).update(grade=decoded.grade, geometry=decoded.geometry, **volume):
        raise work.LostLease(str(revision.pk))
    for instance, reason in decoded.damaged.items():
        _refuse(instance, reason)
    if not is_latest(revision):
        return
    series.state = SeriesState.UNUSABLE if decoded.grade == Grade.UNUSABLE else SeriesState.READY
    series.reason, series.override_reason, series.current = decoded.reason, "", revision
    series.save()
    announce([series])
    if series.state == SeriesState.READY:
        transaction.on_commit(
            partial(series_completed.send, sender=SeriesRevision, revision=revision), robust=True
        )


def _refuse(instance: Instance, reason: str) -> None:
    UploadedFile.objects.filter(instance=instance).update(outcome=FileOutcome.REFUSED, reason=reason)
