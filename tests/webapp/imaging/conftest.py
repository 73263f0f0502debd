"""Small phantoms on disk, sending them, and doing the check worker's part in this process."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from diagnosis.volume import CTVolume
from tests.phantoms import chest_phantom, write_dicom_series
from tests.webapp.conftest import World
from webapp.core import work
from webapp.imaging.models import SeriesRevision, Upload
from webapp.imaging.services import check_revision, check_upload

UPLOADS = "/api/v1/uploads/"
SLICES = 12


@pytest.fixture(scope="session")
def volume() -> CTVolume:
    """A whole chest on a very coarse grid."""
    return chest_phantom(slices=SLICES, size=48).volume


@pytest.fixture
def series_of(tmp_path: Path, volume: CTVolume) -> Callable[..., list[Path]]:
    """Return a function that writes a DICOM series and gives its files."""
    made = iter(range(1000))

    def write(**changes: Any) -> list[Path]:
        return write_dicom_series(volume, tmp_path / f"series-{next(made)}", **changes)

    return write


@pytest.fixture
def slices(series_of: Callable[..., list[Path]]) -> list[Path]:
    """The files of one good series."""
    return series_of(study_uid="1.2.3", series_uid="1.2.3.4")


@dataclass
class Sender:
    """Sends files as somebody and tells what became of them."""

    client: APIClient

    def post(self, files: Iterable[Path] | Mapping[str, bytes], url: str = UPLOADS, **fields: str) -> Any:
        """Send files in one request; give the response."""
        contents = files if isinstance(files, Mapping) else {path.name: path.read_bytes() for path in files}
        parts = [SimpleUploadedFile(name, data) for name, data in contents.items()]
        return self.client.post(url, {"files": parts, **fields}, format="multipart")

    def __call__(self, files: Iterable[Path] | Mapping[str, bytes], **fields: str) -> dict[str, Any]:
        """Send files in one request that must be taken; give the upload."""
        response = self.post(files, **fields)
        assert response.status_code == 202, response.content
        return response.json()

    def report(self, upload: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
        """Do the check worker's part; give outcome and reason by name."""
        run_checks()
        answer = self.client.get(f"{UPLOADS}{upload['id']}/").json()
        return {file["name"]: (file["outcome"], file["reason"]) for file in answer["files"]}

    def upload(self, upload: Mapping[str, Any]) -> dict[str, Any]:
        """Give the upload as it is now."""
        return self.client.get(f"{UPLOADS}{upload['id']}/").json()

    def series(self, upload: Mapping[str, Any]) -> dict[str, Any]:
        """Do the check worker's part; give the one series of the upload."""
        run_checks()
        (series,) = self.upload(upload)["series"]
        return self.client.get(f"/api/v1/series/{series}/").json()


@pytest.fixture
def send(world: World) -> Sender:
    """Sends as the reader of cohort north."""
    return Sender(world.as_user(world.reader))


def run_checks(keep: Callable[[str, float], None] = lambda _stage, _part: None) -> None:
    """Claim and do all due checks, as a check worker does."""
    while True:
        if upload := work.claim(Upload, "test"):
            check_upload(upload, keep)
        elif revision := work.claim(SeriesRevision, "test"):
            check_revision(revision, keep)
        else:
            return


def renumbered(data: bytes, number: int) -> bytes:
    """Return the DICOM file under another SOP Instance UID of the same length."""
    uid = str(pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True).SOPInstanceUID)
    return data.replace(uid.encode(), f"{uid[:-4]}{number:04d}".encode())


def zipped(members: Mapping[str, bytes], **options: Any) -> bytes:
    """Return a zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()
