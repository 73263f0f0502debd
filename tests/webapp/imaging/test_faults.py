"""Eight at once, poison, and work that was given up: nothing twice, nothing lost, nothing for ever."""

from __future__ import annotations

import errno
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from tests.webapp.conftest import World
from tests.webapp.imaging.conftest import SLICES, Sender, run_checks, zipped
from webapp.core import work
from webapp.core.models import Blob, WorkState
from webapp.imaging.models import Instance, Series, SeriesRevision, SeriesState, Study, Upload
from webapp.imaging.services import check_upload, settle_failed_checks
from webapp.patients.models import Patient

pytestmark = pytest.mark.both_databases

Write = Callable[..., list[Path]]


@pytest.mark.django_db(transaction=True)
def test_eight_uploads_of_one_study_at_once_make_one_study(world: World, slices: list[Path]) -> None:
    clients = [world.as_user(world.reader) for _ in range(8)]

    def send(number: int) -> dict[str, Any]:
        try:
            files = slices if number % 2 else slices[::-1]
            return Sender(clients[number])(files)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        uploads = list(pool.map(send, range(8)))

    outcomes = [file["outcome"] for upload in uploads for file in upload["files"]]
    assert outcomes.count("accepted") == SLICES
    assert outcomes.count("held") == 7 * SLICES
    assert Patient.objects.count() == Study.objects.count() == Series.objects.count() == 1
    assert Instance.objects.count() == Blob.objects.count() == SLICES
    run_checks()
    assert SeriesRevision.objects.count() == 1
    assert Series.objects.get().state == SeriesState.READY


@pytest.mark.django_db(transaction=True)
def test_uploads_with_several_series_in_different_order_do_not_block_each_other(
    world: World, series_of: Write
) -> None:
    series = [series_of(study_uid=f"1.2.{n}", patient_id=f"P{n}")[:4] for n in range(3)]
    names = {f"{n}-{path.name}": path.read_bytes() for n, paths in enumerate(series) for path in paths}
    clients = [world.as_user(world.reader) for _ in range(6)]

    def send(number: int) -> dict[str, Any]:
        order = sorted(names, key=lambda name: hash((number, name)))
        try:
            return Sender(clients[number])({name: names[name] for name in order})
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        uploads = list(pool.map(send, range(6)))
    assert [file["outcome"] for one in uploads for file in one["files"]].count("accepted") == 12
    assert Study.objects.count() == Patient.objects.count() == 3


@pytest.mark.parametrize("at", ["webapp.core.blobs.Incoming.write", "webapp.core.blobs._sync"])
def test_a_full_disk_is_said_and_leaves_nothing_behind(
    at: str, send: Sender, slices: list[Path], monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(at, full)
        answer = send.post(slices)
    assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")
    assert Instance.objects.count() == 0
    assert list((Path(settings.LUNGSIGHT_DATA) / "blobs" / "incoming").iterdir()) == []
    assert send(slices)["files"][0]["outcome"] == "accepted"


def test_an_archive_that_kills_every_worker_is_named_and_the_good_files_go_on(
    send: Sender, slices: list[Path]
) -> None:
    files = {path.name: path.read_bytes() for path in slices}
    upload = send(files | {"poison.zip": zipped({"a.dcm": b"x"}), "waiting.zip": zipped({"b.dcm": b"y"})})
    row = Upload.objects.get()
    row.files.filter(name="poison.zip").update(tries=2)
    _give_up(row)

    assert settle_failed_checks() == 1
    report = send.report(upload)
    assert report["poison.zip"][0] == "refused"
    assert "every time" in report["poison.zip"][1]
    assert report["waiting.zip"][0] == "refused"
    assert send.series(upload)["state"] == "ready"
    assert send.upload(upload)["state"] == "failed"
    assert settle_failed_checks() == 0


def test_a_file_that_killed_a_worker_once_is_opened_last(send: Sender) -> None:
    upload = send({"first.zip": zipped({"a.txt": b"x"}), "second.zip": zipped({"b.txt": b"y"})})
    row = Upload.objects.get()
    row.files.filter(name="first.zip").update(tries=1)
    send.report(upload)
    ended = row.files.filter(archive=None).order_by("updated_at").values_list("name", flat=True)
    assert list(ended) == ["second.zip", "first.zip"]


def test_a_series_whose_check_was_given_up_says_so_and_is_tried_again_when_sent_again(
    send: Sender, slices: list[Path]
) -> None:
    upload = send(slices)
    claimed = work.claim(Upload, "test")
    assert claimed
    check_upload(claimed, lambda _stage, _part: None)
    _give_up(SeriesRevision.objects.get())
    assert settle_failed_checks() == 1
    series = Series.objects.get()
    assert (series.state, series.reason) == (SeriesState.FAILED, "It stopped. Try again.")
    assert send.upload(upload)["state"] == "done"

    assert send.series(send(slices))["state"] == "ready"
    assert SeriesRevision.objects.count() == 1


def test_a_new_instance_stops_the_check_of_the_older_revision(send: Sender, slices: list[Path]) -> None:
    for part in (slices[:11], slices[11:]):
        send(part)
        upload = work.claim(Upload, "test")
        assert upload
        check_upload(upload, lambda _stage, _part: None)
    states = list(SeriesRevision.objects.order_by("number").values_list("state", flat=True))
    assert states == [WorkState.CANCELLED, WorkState.QUEUED]
    run_checks()
    assert Series.objects.get().current == SeriesRevision.objects.get(number=2)


def _give_up(row: Any) -> None:
    """Leave the row as workers do whose every try has ended badly."""
    type(row).objects.filter(pk=row.pk).update(
        state=WorkState.FAILED,
        tries_left=0,
        finished_at=timezone.now(),
        error_message="It stopped.",
        error_hint="Try again.",
    )
