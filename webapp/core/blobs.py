"""The only door to stored bytes: content-addressed files, durable before anybody is told they are kept."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from webapp.core.models import Blob

CHUNK = 1 << 20
SHA256 = re.compile(r"[0-9a-f]{64}")


def put(chunks: Iterable[bytes]) -> Blob:
    """Store the bytes and return their row: temp file, fsync, rename, fsync of the folder, then the row.

    The same bytes twice are stored once.
    """
    folder = _root() / "incoming"
    folder.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    descriptor, name = tempfile.mkstemp(dir=folder)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        _place(temporary, digest.hexdigest())
    finally:
        temporary.unlink(missing_ok=True)
    blob, _ = Blob.objects.get_or_create(sha256=digest.hexdigest(), defaults={"size": size})
    return blob


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


def _place(temporary: Path, sha256: str) -> None:
    target = _path(sha256)
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary.replace(target)
    for folder in (target.parent, target.parent.parent, _root()):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
