"""From bytes on disk to rows: look at each file, keep it, write what became of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import transaction

from diagnosis.dicom.headers import SliceHeader, read_header
from diagnosis.geometry import RefusedInput
from webapp.core import blobs
from webapp.core.models import Blob
from webapp.imaging import identity
from webapp.imaging.admission import Arrival, admit
from webapp.imaging.kinds import Kind, kind_of
from webapp.imaging.models import FileOutcome, Upload, UploadedFile

BATCH = 500
"""Files per transaction: long enough to be quick, short enough to let others write."""
NAME_LENGTH = 255
NO_PSEUDONYM = "A NIfTI file names no patient. Give a pseudonym and send it again."


@dataclass(frozen=True, slots=True)
class SentFile:
    """One finished file as it came in, with the name its sender gave it."""

    name: str
    bytes: blobs.Incoming


@dataclass(frozen=True, slots=True)
class Examined:
    """What a look at one file gave: its kind and header, or in words why it is refused."""

    sent: SentFile
    kind: Kind | None = None
    header: SliceHeader | None = None
    refusal: str = ""


def examine(sent: SentFile, pseudonym: str) -> Examined:
    """Look at the first bytes and the bounded header of one file; never at pixels."""
    try:
        kind = kind_of(sent.name, sent.bytes.path)
        if kind is Kind.NIFTI and not pseudonym:
            return Examined(sent, refusal=NO_PSEUDONYM)
        header = read_header(sent.bytes.path) if kind is Kind.DICOM else None
    except RefusedInput as refused:
        return Examined(sent, refusal=refused.sentence)
    return Examined(sent, kind, header)


def take(
    upload: Upload,
    examined: Sequence[Examined],
    *,
    hold: Callable[[], None],
    archive: UploadedFile | None = None,
) -> None:
    """Keep the bytes of what can be used and write all rows in one transaction.

    ``hold`` is called first in it: it locks what must not change meanwhile, or raises. Archives and NIfTI
    stay pending for the check worker.
    """
    kept = [one for one in examined if not one.refusal]
    stored = blobs.keep([one.sent.bytes for one in kept])
    blob_of = {id(one): blob for one, blob in zip(kept, stored, strict=True)}
    with transaction.atomic():
        hold()
        rows = [_row(upload, one, blob_of.get(id(one)), archive) for one in examined]
        arrivals = [
            Arrival(row, identity.of_dicom(one.header, upload.pseudonym))
            for one, row in zip(examined, rows, strict=True)
            if one.header is not None
        ]
        admit(upload, arrivals)
        UploadedFile.objects.bulk_create(rows)


def shown_name(name: str) -> str:
    """Return the end of the name that fits its column, without characters that nobody can read."""
    return "".join(letter for letter in name if letter.isprintable())[-NAME_LENGTH:] or "(no name)"


def _row(upload: Upload, one: Examined, blob: Blob | None, archive: UploadedFile | None) -> UploadedFile:
    name = f"{archive.name}: {one.sent.name}" if archive else one.sent.name
    return UploadedFile(
        upload=upload,
        archive=archive,
        name=shown_name(name),
        size=one.sent.bytes.size,
        blob=blob,
        outcome=FileOutcome.REFUSED if one.refusal else FileOutcome.PENDING,
        reason=one.refusal,
    )
