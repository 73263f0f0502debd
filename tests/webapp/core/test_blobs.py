from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from pytest_django import Settings

from webapp.core import blobs
from webapp.core.models import Blob

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture
def store(settings: Settings, tmp_path: Path) -> Path:
    settings.LUNGSIGHT_DATA = tmp_path
    return tmp_path / "blobs"


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_bytes_come_back_under_their_hash(store: Path) -> None:
    blob = blobs.put([b"two ", b"chunks"])
    assert blob.sha256 == hashlib.sha256(b"two chunks").hexdigest()
    assert blob.size == 10
    assert blobs.read(blob.sha256) == b"two chunks"
    with blobs.open_blob(blob.sha256) as file:
        assert b"".join(blobs.read_chunks(file)) == b"two chunks"
    with blobs.local_path(blob.sha256) as path:
        assert path.read_bytes() == b"two chunks"


def test_the_same_bytes_twice_are_stored_once(store: Path) -> None:
    assert blobs.put_bytes(b"same") == blobs.put_bytes(b"same")
    assert len(files(store)) == 1
    assert Blob.objects.count() == 1


def test_a_stream_that_breaks_leaves_neither_file_nor_row(store: Path) -> None:
    def broken() -> object:
        yield b"first half"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        blobs.put(broken())  # type: ignore[arg-type]
    assert files(store) == []
    assert not Blob.objects.exists()


@pytest.fixture
def synced(store: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths in the order in which they are synced to the disk."""
    paths: list[str] = []

    def fsync(descriptor: int) -> None:
        paths.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))

    monkeypatch.setattr(os, "fsync", fsync)
    return paths


def test_the_file_is_synced_before_it_gets_its_name_and_the_folders_after(
    store: Path, synced: list[str]
) -> None:
    sha256 = blobs.put_bytes(b"durable").sha256
    assert synced[0].startswith(str(store / "incoming"))
    folders = {str(store / sha256[:2] / sha256[2:4]), str(store / sha256[:2]), str(store)}
    assert set(synced[1:]) == folders


def test_nobody_is_told_that_bytes_are_kept_when_the_disk_refuses_the_sync(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="No space"):
        blobs.put_bytes(b"lost")
    assert not Blob.objects.exists()
    assert files(store) == []


def test_missing_bytes_raise_file_not_found(store: Path) -> None:
    with pytest.raises(FileNotFoundError):
        blobs.read("0" * 64)


@pytest.mark.parametrize(
    "hostile", ["", "../../../etc/passwd", "a" * 63, "A" * 64, "a" * 64 + "\n", "0" * 62 + "/x"]
)
def test_a_hash_that_is_none_never_reaches_the_disk(store: Path, hostile: str) -> None:
    with pytest.raises(FileNotFoundError):
        blobs.open_blob(hostile)


def test_the_store_tells_whether_it_takes_a_file(store: Path, settings: Settings, tmp_path: Path) -> None:
    assert blobs.is_writable()
    (tmp_path / "file").touch()
    settings.LUNGSIGHT_DATA = tmp_path / "file"
    assert not blobs.is_writable()
