"""Files that are no CT slice: each gets a sentence, and the good files beside it are kept."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.webapp.imaging.conftest import SLICES, Sender
from webapp.imaging.models import Instance, UploadedFile

Write = Callable[..., list[Path]]

NOT_OPENED = "Archives of the kind {} are not opened. Send a .zip."
LEFT_OUT = "This file belongs to a computer's folders, not to a study: left out."
HALF = "This is half of a NIfTI pair (.hdr, .img). Send one .nii file."
STRANGE_FILES = {
    "empty.dcm": (b"", "This file is empty."),
    "notes.txt": (b"Patient is well.\r\n", "This is a text file, not a CT."),
    "picture.png": (b"\x89PNG\r\n\x1a\n" + bytes(200), "This is a PNG picture, not a CT."),
    "photo.jpg": (b"\xff\xd8\xff\xe0" + bytes(200), "This is a JPEG picture, not a CT."),
    "letter.pdf": (b"%PDF-1.7\n" + bytes(200), "This is a PDF document, not a CT."),
    "random.bin": (bytes(range(1, 9)) * 100, "This is neither DICOM nor NIfTI nor a .zip archive."),
    "study.rar": (b"Rar!\x1a\x07\x01\x00" + bytes(50), NOT_OPENED.format("RAR")),
    "study.7z": (b"7z\xbc\xaf\x27\x1c" + bytes(50), NOT_OPENED.format("7z")),
    "study.tar": (bytes(257) + b"ustar\x0000" + bytes(300), NOT_OPENED.format("tar")),
    "study.tar.gz": (gzip.compress(b"x" * 600), "This compressed file holds no NIfTI volume. Send a .zip."),
    "broken.gz": (b"\x1f\x8b" + bytes(90), "This compressed file holds no NIfTI volume. Send a .zip."),
    "half.hdr": (bytes(344) + b"ni1\x00" + bytes(10), HALF),
    ".DS_Store": (b"\x00\x00\x00\x01Bud1", LEFT_OUT),
    "Thumbs.db": (b"\xd0\xcf\x11\xe0", LEFT_OUT),
    "fake.dcm": (bytes(128) + b"DICM", ""),
}  # fmt: skip


def test_every_strange_file_gets_a_sentence_and_the_good_ones_are_kept(
    send: Sender, slices: list[Path]
) -> None:
    good = {path.name: path.read_bytes() for path in slices}
    upload = send(good | {name: data for name, (data, _) in STRANGE_FILES.items()})
    report = send.report(upload)

    for name, (_, sentence) in STRANGE_FILES.items():
        outcome, reason = report[name]
        assert outcome == "refused", name
        assert reason == sentence if sentence else reason.endswith("."), name
    assert {report[name] for name in good} == {("accepted", "")}
    assert send.upload(upload)["state"] == "done"
    assert send.series(upload)["state"] == "ready"


def test_nothing_is_stored_of_a_refused_file(send: Sender, settings: Any) -> None:
    send({"notes.txt": b"Patient is well."})
    assert UploadedFile.objects.get().blob is None
    assert list((Path(settings.LUNGSIGHT_DATA) / "blobs" / "incoming").iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"modality": "DX", "sop_class": "1.2.840.10008.5.1.4.1.1.1.1"}, "an X-ray"),
        ({"modality": "CR", "sop_class": "1.2.840.10008.5.1.4.1.1.1"}, "an X-ray"),
        ({"modality": "MR", "sop_class": "1.2.840.10008.5.1.4.1.1.4"}, "an MR image"),
        ({"modality": "SEG", "sop_class": "1.2.840.10008.5.1.4.1.1.66.4"}, "a segmentation"),
        ({"modality": "SR", "sop_class": "1.2.840.10008.5.1.4.1.1.88.33"}, "a structured report"),
        ({"modality": "RTSTRUCT", "sop_class": "1.2.840.10008.5.1.4.1.1.481.3"}, "a set of contours"),
        ({"extra": {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}}, "a localizer"),
        ({"extra": {"PixelData": None}}, "no pixels"),
        ({"sop_class": "1.2.840.10008.1.3.10"}, "DICOMDIR"),
        ({"extra": {"ImagePositionPatient": None}}, "where the slice lies"),
        ({"extra": {"SeriesInstanceUID": None}}, "no SeriesInstanceUID"),
        ({"extra": {"NumberOfFrames": 3}}, "more than one frame"),
    ],
)
def test_dicom_that_is_no_ct_slice_is_refused_in_words(
    changes: dict[str, Any], words: str, send: Sender, series_of: Write
) -> None:
    upload = send(series_of(**changes)[:1])
    (file,) = upload["files"]
    assert file["outcome"] == "refused"
    assert words in file["reason"]
    assert upload["series"] == []


def test_a_truncated_file_is_refused_by_name_and_the_rest_is_kept(send: Sender, slices: list[Path]) -> None:
    files = {path.name: path.read_bytes() for path in slices}
    cut = slices[3].name
    files[cut] = files[cut][:-500]
    upload = send(files)
    report = send.report(upload)
    assert report[cut] == ("refused", "This file is cut short. Send it again.")
    assert [outcome for outcome, _ in report.values()].count("accepted") == SLICES - 1


def test_one_slice_is_unusable_in_words(send: Sender, slices: list[Path]) -> None:
    series = send.series(send(slices[:1]))
    assert series["state"] == "unusable"
    assert series["reason"]
    assert "volume" not in series


def test_missing_slices_are_named(send: Sender, series_of: Write) -> None:
    series = send.series(send(series_of(drop=[4, 5, 6, 7])))
    assert series["state"] == "unusable"
    assert "missing" in series["reason"]
    assert series["geometry"]["grade"] == "unusable"


def test_two_acquisitions_in_one_series_are_told_apart(send: Sender, series_of: Write) -> None:
    one = series_of(study_uid="1.2.3", series_uid="1.2.3.4")
    other = series_of(study_uid="1.2.3", series_uid="1.2.3.4", orientation="sagittal")
    files = {f"{n}.dcm": path.read_bytes() for n, path in enumerate(one + other)}
    series = send.series(send(files))
    assert series["state"] == "unusable"
    assert series["reason"]


def test_a_series_whose_pixels_are_damaged_keeps_its_good_slices_and_names_the_bad_file(
    send: Sender, series_of: Write
) -> None:
    files = {path.name: path.read_bytes() for path in series_of(transfer_syntax="1.2.840.10008.1.2.4.80")}
    bad = sorted(files)[5]
    start = len(files[bad]) - 400
    files[bad] = files[bad][:start] + bytes(300) + files[bad][start + 300 :]
    upload = send(files)
    report = send.report(upload)
    assert report[bad][0] == "refused"
    assert report[bad][1]
    assert [outcome for outcome, _ in report.values()].count("accepted") == SLICES - 1
    assert send.series(upload)["geometry"]["slices"] == SLICES - 1


@pytest.mark.parametrize("seed", range(3))
def test_changed_bytes_never_break_the_site(seed: int, send: Sender, slices: list[Path]) -> None:
    whole, chance = slices[0].read_bytes(), random.Random(seed)
    mutants = {f"{n}.dcm": _mutant(whole, chance) for n in range(40)}
    upload = send(mutants)
    for outcome, reason in send.report(upload).values():
        assert outcome in ("accepted", "held", "conflict", "refused")
        assert (reason == "") == (outcome == "accepted")
    for series in send.upload(upload)["series"]:
        assert send.client.get(f"/api/v1/series/{series}/").json()["state"] in ("ready", "unusable")
    assert send.client.get("/api/v1/studies/").status_code == 200


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(min_size=1, max_size=300), data=st.binary(max_size=700))
@example(name="0", data=b"PK\x07\x08")
@example(name="0", data=b"\x1f\x8b")
def test_any_bytes_under_any_name_get_a_sentence(name: str, data: bytes, send: Sender) -> None:
    """At once, or once the check worker has opened what begins like an archive."""
    response = send.post({"a": data, "b" + name.replace("/", ""): data})
    if response.status_code == 400:
        assert response.json()["message"]
    else:
        assert response.status_code == 202
        assert all(reason for _, reason in send.report(response.json()).values())


def test_a_body_that_is_no_form_gets_a_sentence(send: Sender) -> None:
    for body, kind in (
        (b"--x\r\nbroken", "multipart/form-data; boundary=x"),
        (b"x", "multipart/form-data"),
        (b"[1]", "application/json"),
        (b"{", "application/json"),
        (b"\x00", "application/octet-stream"),
    ):
        response = send.client.post("/api/v1/uploads/", body, content_type=kind)
        assert 400 <= response.status_code < 500, kind
        assert response.json()["message"], kind
    assert Instance.objects.count() == 0


def test_a_request_that_breaks_off_keeps_whole_files_and_nothing_of_the_cut_one(
    send: Sender, slices: list[Path], settings: Any
) -> None:
    parts = [SimpleUploadedFile(path.name, path.read_bytes()) for path in slices[:3]]
    body = encode_multipart(BOUNDARY, {"files": parts})
    answer = send.client.post("/api/v1/uploads/", body[: len(body) - 2000], content_type=MULTIPART_CONTENT)
    assert answer.status_code == 202
    outcomes = [(file["outcome"], file["reason"]) for file in answer.json()["files"]]
    assert outcomes == [("accepted", "")] * 2
    assert Instance.objects.count() == 2
    assert list((Path(settings.LUNGSIGHT_DATA) / "blobs" / "incoming").iterdir()) == []


def _mutant(whole: bytes, chance: random.Random) -> bytes:
    """Return the file with some bytes of its header changed, taken out, doubled, or the end cut off."""
    data = bytearray(whole)
    for _ in range(chance.randint(1, 12)):
        at, length = chance.randrange(132, 2200), chance.randint(1, 8)
        what = chance.randrange(3)
        if what == 0:
            data[at : at + length] = chance.randbytes(length)
        elif what == 1:
            del data[at : at + length]
        else:
            data[at:at] = data[at : at + length]
    return bytes(data[: chance.choice([len(data), len(data), chance.randrange(len(data))])])
