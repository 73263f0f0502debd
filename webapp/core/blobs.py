"""The only door to stored bytes: content-addressed files, durable before anybody is told they are kept."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import time
import weakref
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from webapp.core.models import Blob

CHUNK = 1 << 20
SYNC_THREADS = 8
"""The disk syncs many files at once in little more time than one."""
ABANDONED_SECONDS = 6 * 3600
"""Longer than any request takes: an older temporary file belongs to nobody."""
SHA256 = re.compile(r"[0-9a-f]{64}")


class Incoming:
    """Bytes on their way into the store: a temporary file and its hash.

    Write, ``finish``, give it to ``keep``; ``close`` throws away what was not kept. Between ``finish`` and
    ``keep`` no file is open, so that thousands may wait.
    """

    def __init__(self) -> None:
        folder = _root() / "incoming"
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=folder)
        self.path = Path(name)
        self.size = 0
        self._file = os.fdopen(descriptor, "wb")
        self._digest = hashlib.sha256()
        # A request that breaks off has nobody left to close what it began.
        weakref.finalize(self, self.path.unlink, missing_ok=True)

    def write(self, chunk: bytes) -> None:
        """Add bytes at the end."""
        self._digest.update(chunk)
        self._file.write(chunk)
        self.size += len(chunk)

    @property
    def sha256(self) -> str:
        """Hash of what was written so far."""
        return self._digest.hexdigest()

    def finish(self) -> None:
        """Close the file; nothing is written to it any more."""
        self._file.close()

    def close(self) -> None:
        """Remove the temporary file if it was not kept. May be called more than once."""
        self._file.close()
        self.path.unlink(missing_ok=True)


def keep(incoming: Sequence[Incoming]) -> list[Blob]:
    """Make finished files durable and return their rows in the same order.

    fsync, rename, fsync of the folders, then the rows in one statement. The same bytes are stored once.
    """
    if not incoming:
        return []
    with ThreadPoolExecutor(SYNC_THREADS) as pool:
        list(pool.map(_sync, [file.path for file in incoming]))
    folders = {_root()}
    for file in incoming:
        folders |= _place(file.path, file.sha256)
    for folder in folders:
        _sync(folder)
    rows = {file.sha256: Blob(sha256=file.sha256, size=file.size) for file in incoming}
    Blob.objects.bulk_create([rows[sha256] for sha256 in sorted(rows)], ignore_conflicts=True)
    return [rows[file.sha256] for file in incoming]


def put(chunks: Iterable[bytes]) -> Blob:
    """Store the bytes and return their row. The same bytes twice are stored once."""
    file = Incoming()
    try:
        for chunk in chunks:
            file.write(chunk)
        file.finish()
        return keep([file])[0]
    finally:
        file.close()


def put_bytes(data: bytes) -> Blob:
    """Store ``data``."""
    return put([data])


@contextmanager
def local_path(sha256: str) -> Iterator[Path]:
    """Give a path under which the bytes can be read while the context lasts."""
    yield _path(sha256)


def open_blob(sha256: str) -> BinaryIO:
    """Open the bytes for reading. Raises FileNotFoundError when the store lacks them."""
    return _path(sha256).open("rb")


def read(sha256: str) -> bytes:
    """Return all the bytes. Raises FileNotFoundError when the store lacks them."""
    return _path(sha256).read_bytes()


def read_chunks(file: BinaryIO) -> Iterator[bytes]:
    """Yield a binary file in chunks of one MiB."""
    while chunk := file.read(CHUNK):
        yield chunk


def sweep() -> int:
    """Remove temporary files that a killed process left behind; return how many."""
    deadline = time.time() - ABANDONED_SECONDS
    removed = 0
    for path in (_root() / "incoming").glob("*"):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < deadline:
                path.unlink()
                removed += 1
    return removed


def is_writable() -> bool:
    """Tell whether the store takes a new file now (for /readyz)."""
    try:
        folder = _root() / "incoming"
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
    except OSError:
        return False
    return True


def _root() -> Path:
    return Path(settings.LUNGSIGHT_DATA) / "blobs"


def _path(sha256: str) -> Path:
    if not SHA256.fullmatch(sha256):
        raise FileNotFoundError(sha256)
    return _root() / sha256[:2] / sha256[2:4] / sha256


def _place(temporary: Path, sha256: str) -> set[Path]:
    """Move the file to its place, unless the store has it; return the folders to sync."""
    target = _path(sha256)
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.replace(target)
    return {target.parent, target.parent.parent}


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
