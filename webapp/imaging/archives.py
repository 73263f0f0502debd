"""Zip archives from strangers: bounded in entries, bytes and ratio; names are shown, never used on disk."""

from __future__ import annotations

import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from django.conf import settings

from diagnosis.geometry import RefusedInput
from webapp.core import blobs
from webapp.imaging.kinds import Kind
from webapp.imaging.receiving import Examined, SentFile, examine

MAX_ENTRIES = 20_000
MAX_RATIO = 200
ENCRYPTED = 0x1
UNIX_MODE_SHIFT = 16

DAMAGED = "This archive is damaged or cut short. Send it again."
DAMAGED_MEMBER = "This file of the archive is damaged. Make the archive again."
NESTED = "An archive inside an archive is not opened. Unpack it and send the files."
LINK = "This entry is a link, and links are not followed."
OUTSIDE = "This entry names a place outside the archive: left out."
LOCKED = "This file of the archive is encrypted. Make the archive without a password."
METHOD = "This file is packed in a way that cannot be read. Make the archive as a plain .zip."

ZIP_ERRORS = (
    zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, lzma.LZMAError, struct.error,
    EOFError, OSError, ValueError, OverflowError,
)  # fmt: skip
"""What ``zipfile`` raises on hostile bytes."""


class Archive:
    """An opened archive whose claims about itself were found bearable. A context manager.

    ``entries`` are the files in it, in the archive's order, folders left out. Raises RefusedInput when it
    is damaged, empty, encrypted throughout, or claims to unpack to more than this site takes.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except (*ZIP_ERRORS, NotImplementedError) as error:
            raise RefusedInput("bad_archive", DAMAGED) from error
        self.entries = [entry for entry in self._zip.infolist() if not entry.is_dir()]
        self._bytes_left = max_bytes()
        try:
            _require_bearable(self._zip.infolist(), self.entries, path.stat().st_size)
        except RefusedInput:
            self._zip.close()
            raise

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def examine(self, entry: zipfile.ZipInfo, pseudonym: str) -> Examined:
        """Unpack one entry to a temporary file and look at it. The caller closes ``sent.bytes``.

        Raises RefusedInput when the whole archive unpacks to more than it may.
        """
        sent = SentFile(entry.filename, blobs.Incoming())
        refusal = _refusal(entry)
        if refusal:
            sent.bytes.finish()
            return Examined(sent, refusal=refusal)
        try:
            refusal = self._unpack(entry, sent.bytes)
        except RefusedInput:
            sent.bytes.close()
            raise
        sent.bytes.finish()
        if refusal:
            return Examined(sent, refusal=refusal)
        examined = examine(sent, pseudonym)
        return Examined(sent, refusal=NESTED) if examined.kind is Kind.ZIP else examined

    def _unpack(self, entry: zipfile.ZipInfo, target: blobs.Incoming) -> str:
        """Write the entry's bytes; return why they cannot be had, in words, or nothing."""
        try:
            for chunk in self._chunks(entry):
                self._bytes_left -= len(chunk)
                if self._bytes_left < 0:
                    raise RefusedInput("archive_too_large", _too_large())
                target.write(chunk)
        except RefusedInput:
            raise
        except (NotImplementedError, RuntimeError):
            return METHOD
        except ZIP_ERRORS:
            return DAMAGED_MEMBER
        return ""

    def _chunks(self, entry: zipfile.ZipInfo) -> Iterator[bytes]:
        with self._zip.open(entry) as file:
            while chunk := file.read(blobs.CHUNK):
                yield chunk


def max_bytes() -> int:
    """Return how many bytes one archive may unpack to."""
    return int(settings.LUNGSIGHT_ARCHIVE_MB) << 20


def _require_bearable(everything: list[zipfile.ZipInfo], files: list[zipfile.ZipInfo], size: int) -> None:
    if len(everything) > MAX_ENTRIES:
        raise RefusedInput(
            "archive_entries", f"This archive has more than {MAX_ENTRIES:,} entries. Send it in parts."
        )
    if not files:
        raise RefusedInput("archive_empty", "This archive is empty.")
    declared = sum(entry.file_size for entry in files)
    if declared > max_bytes():
        raise RefusedInput("archive_too_large", _too_large())
    if declared > MAX_RATIO * size:
        raise RefusedInput(
            "archive_ratio",
            f"This archive claims to unpack to more than {MAX_RATIO} times its size: not opened.",
        )
    if all(entry.flag_bits & ENCRYPTED for entry in files):
        raise RefusedInput(
            "archive_encrypted", "This archive is encrypted. Make it without a password and send it again."
        )


def _too_large() -> str:
    return f"This archive unpacks to more than {settings.LUNGSIGHT_ARCHIVE_MB:,} MB. Send it in parts."


def _refusal(entry: zipfile.ZipInfo) -> str:
    path = PurePosixPath(entry.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts:
        return OUTSIDE
    mode = entry.external_attr >> UNIX_MODE_SHIFT
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return LINK
    return LOCKED if entry.flag_bits & ENCRYPTED else ""
