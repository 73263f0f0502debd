"""Zip archives, good and hostile."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.webapp.imaging.conftest import SLICES, Sender, run_checks, zipped
from webapp.core import work
from webapp.imaging.models import Instance, Upload, UploadedFile

BOMB = "This archive claims to unpack to more than 200 times its size: not opened."


@pytest.fixture
def members(slices: list[Path]) -> dict[str, bytes]:
    return {f"study/{path.name}": path.read_bytes() for path in slices}


def test_members_appear_as_files_of_the_report(send: Sender, members: dict[str, bytes]) -> None:
    upload = send({"study.zip": zipped(members | {"study/readme.txt": b"hello"})})
    assert upload["files"] == [{"name": "study.zip", "outcome": "pending", "reason": ""}]
    report = send.report(upload)

    assert report["study.zip"] == ("accepted", "")
    assert report["study.zip: study/readme.txt"] == ("refused", "This is a text file, not a CT.")
    assert {report[f"study.zip: {name}"] for name in members} == {("accepted", "")}
    assert send.series(upload)["state"] == "ready"
    assert send.upload(upload)["state"] == "done"


def test_an_archive_sent_again_holds_everything_already(send: Sender, members: dict[str, bytes]) -> None:
    send.report(send({"study.zip": zipped(members)}))
    report = send.report(send({"again.zip": zipped(members)}))
    assert {report[f"again.zip: {name}"][0] for name in members} == {"held"}
    assert Instance.objects.count() == SLICES


def test_the_rest_of_an_archive_is_taken_when_a_worker_died_in_the_middle(
    send: Sender, members: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.imaging.opening.MEMBERS_AT_ONCE", 5)
    upload = send({"study.zip": zipped(members)})
    calls = []

    class Died(Exception):
        pass

    def keep(_stage: str, part: float) -> None:
        calls.append(part)
        if part > 0.3:
            raise Died

    with pytest.raises(Died):
        run_checks(keep)
    assert 0 < UploadedFile.objects.exclude(archive=None).count() < SLICES
    row = Upload.objects.get()
    work.finish(row, work.WorkState.QUEUED)
    report = send.report(upload)
    assert {report[f"study.zip: {name}"][0] for name in members} == {"accepted"}
    assert len(report) == SLICES + 1


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (zipped({}), "This archive is empty."),
        (zipped({"folder/": b""}), "This archive is empty."),
        (zipped({"a.dcm": b"x" * 3000})[:-30], "This archive is damaged or cut short. Send it again."),
        (b"PK\x03\x04" + bytes(100), "This archive is damaged or cut short. Send it again."),
        (zipped({"zeros": bytes(5_000_000)}), BOMB),
        (zipped({"readme.txt": b"hello"}), "No file of this archive could be taken."),
    ],
    ids=["empty", "folders only", "cut short", "damaged", "bomb", "nothing of use"],
)  # fmt: skip
def test_an_archive_that_cannot_be_used_is_refused_in_words(data: bytes, sentence: str, send: Sender) -> None:
    upload = send({"study.zip": data})
    assert send.report(upload)["study.zip"] == ("refused", sentence)
    assert send.upload(upload)["state"] == "done"


def test_too_many_entries_are_refused(
    send: Sender, monkeypatch: pytest.MonkeyPatch, members: dict[str, bytes]
) -> None:
    monkeypatch.setattr("webapp.imaging.archives.MAX_ENTRIES", SLICES - 1)
    outcome, reason = send.report(send({"study.zip": zipped(members)}))["study.zip"]
    assert (outcome, "entries" in reason) == ("refused", True)


def test_an_archive_that_declares_too_much_is_refused(
    send: Sender, settings: Any, slices: list[Path]
) -> None:
    settings.LUNGSIGHT_ARCHIVE_MB = 1
    data = b"".join(bytes([n % 251]) * 997 for n in range(1100)) + slices[0].read_bytes()
    outcome, reason = send.report(send({"study.zip": zipped({"a": data})}))["study.zip"]
    assert (outcome, reason) == ("refused", "This archive unpacks to more than 1 MB. Send it in parts.")


def test_an_archive_that_lies_about_its_size_is_not_believed(send: Sender, members: dict[str, bytes]) -> None:
    name = sorted(members)[0]
    data = zipped({name: members[name]})
    true = struct.pack("<L", len(members[name]))
    assert data.count(true) >= 1
    report = send.report(send({"study.zip": data.replace(true, struct.pack("<L", 100))}))
    assert report["study.zip"][0] == "refused"
    assert Instance.objects.count() == 0


def test_an_archive_inside_an_archive_is_refused_by_name(send: Sender, members: dict[str, bytes]) -> None:
    report = send.report(send({"outer.zip": zipped(members | {"inner.zip": zipped(members)})}))
    assert report["outer.zip: inner.zip"] == (
        "refused",
        "An archive inside an archive is not opened. Unpack it and send the files.",
    )
    assert report["outer.zip"] == ("accepted", "")


def test_names_that_leave_the_archive_are_refused_and_written_nowhere(
    send: Sender, members: dict[str, bytes], settings: Any
) -> None:
    data = members[sorted(members)[0]]
    names = ["../../evil.dcm", "/etc/evil.dcm", "..\\evil.dcm"]
    report = send.report(send({"study.zip": zipped(dict.fromkeys(names, data))}))
    for name in names:
        outcome, reason = report[f"study.zip: {name}"]
        assert (outcome, reason) == ("refused", "This entry names a place outside the archive: left out.")
    root = Path(settings.LUNGSIGHT_DATA)
    assert not [path for path in root.parent.rglob("*evil*")]


def test_links_are_not_followed(send: Sender, members: dict[str, bytes]) -> None:
    buffer = io.BytesIO(zipped(members))
    link = zipfile.ZipInfo("link.dcm")
    link.create_system = 3
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    report = send.report(send({"study.zip": buffer.getvalue()}))
    assert report["study.zip: link.dcm"] == ("refused", "This entry is a link, and links are not followed.")


def test_encrypted_archives_are_refused_in_words(send: Sender, members: dict[str, bytes]) -> None:
    everything = _encrypted(zipped(members))
    outcome, reason = send.report(send({"locked.zip": everything}))["locked.zip"]
    assert (outcome, "encrypted" in reason, "password" in reason) == ("refused", True, True)


def test_macos_folders_are_left_out(send: Sender, members: dict[str, bytes]) -> None:
    report = send.report(send({"study.zip": zipped(members | {"__MACOSX/study/._IM1": b"\x00\x05"})}))
    assert report["study.zip: __MACOSX/study/._IM1"][0] == "refused"
    assert "folders" in report["study.zip: __MACOSX/study/._IM1"][1]


def test_a_good_series_beside_a_bad_archive_is_kept(send: Sender, slices: list[Path]) -> None:
    files = {path.name: path.read_bytes() for path in slices} | {"bad.zip": b"PK\x03\x04" + bytes(40)}
    upload = send(files)
    assert send.report(upload)["bad.zip"][0] == "refused"
    assert send.series(upload)["state"] == "ready"


def _encrypted(data: bytes) -> bytes:
    """Set the encryption flag of every entry, in local and central headers."""
    changed = bytearray(data)
    for magic, flag in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(magic)
        while at >= 0:
            changed[at + flag] |= 1
            at = data.find(magic, at + 4)
    return bytes(changed)
