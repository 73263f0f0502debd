"""Opening what the web process left alone: archives and NIfTI volumes. Runs in a check worker's child."""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction

from diagnosis.geometry import RefusedInput
from diagnosis.nifti import read_ct
from webapp.core import blobs, work
from webapp.imaging import identity
from webapp.imaging.admission import Arrival, admit
from webapp.imaging.archives import Archive
from webapp.imaging.kinds import Kind, kind_of
from webapp.imaging.models import FileOutcome, Upload, UploadedFile
from webapp.imaging.receiving import take

MEMBERS_AT_ONCE = 100
NOTHING_TAKEN = "No file of this archive could be taken."


def open_pending(upload: Upload, file: UploadedFile, tell: Callable[[float], None]) -> None:
    """End one pending file: unpack it or sort it in, or say why not.

    ``tell`` is called with the part done, 0 to 1. Raises LostLease when the upload is no longer ours.
    """
    file.tries += 1
    file.save(update_fields=["tries", "updated_at"])
    try:
        with blobs.local_path(file.blob_id or "") as path:
            if kind_of(file.name, path) is Kind.ZIP:
                with Archive(path) as archive:
                    _unpack(upload, file, archive, tell)
            else:
                read_ct(path)
                _sort_nifti(upload, file)
    except RefusedInput as refused:
        _end(upload, file, FileOutcome.REFUSED, refused.sentence)


def _unpack(upload: Upload, file: UploadedFile, archive: Archive, tell: Callable[[float], None]) -> None:
    """Take the members in batches. A later try goes on behind the last batch that was written."""
    done = file.members.count()
    while members := archive.entries[done : done + MEMBERS_AT_ONCE]:
        tell(done / len(archive.entries))
        examined = []
        try:
            for entry in members:
                examined.append(archive.examine(entry, upload.pseudonym))
            take(upload, examined, hold=lambda: work.keep(upload), archive=file)
        finally:
            for one in examined:
                one.sent.bytes.close()
        done += len(members)
    if file.members.exclude(outcome=FileOutcome.REFUSED).exists():
        _end(upload, file, FileOutcome.ACCEPTED, "")
    else:
        _end(upload, file, FileOutcome.REFUSED, NOTHING_TAKEN)


def _sort_nifti(upload: Upload, file: UploadedFile) -> None:
    with transaction.atomic():
        work.keep(upload)
        admit(upload, [Arrival(file, identity.of_nifti(file.blob_id or "", upload.pseudonym))])
        file.save(update_fields=["outcome", "reason", "instance", "updated_at"])


def _end(upload: Upload, file: UploadedFile, outcome: FileOutcome, reason: str) -> None:
    with transaction.atomic():
        work.keep(upload)
        file.outcome, file.reason = outcome, reason
        file.save(update_fields=["outcome", "reason", "updated_at"])
