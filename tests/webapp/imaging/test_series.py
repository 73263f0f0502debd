"""Studies and series as readers get them: geometry, volume stream, override."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard
from asgiref.sync import async_to_sync
from django.http import StreamingHttpResponse
from django.test import AsyncRequestFactory
from numpy.typing import NDArray
from rest_framework.request import Request

from diagnosis.volume import CTVolume
from tests.webapp.conftest import World
from tests.webapp.imaging.conftest import SLICES, Sender, run_checks
from webapp.audit.models import AuditEvent
from webapp.cohorts.factories import CohortFactory, MembershipFactory
from webapp.core import blobs, work
from webapp.imaging.checks import check_revision, check_upload
from webapp.imaging.models import Grade, Series, SeriesRevision, SeriesState, Upload
from webapp.imaging.signals import series_changed, series_completed
from webapp.imaging.streaming import volume_response

Write = Callable[..., list[Path]]
Heard = list[tuple[str, Any]]


@pytest.fixture
def heard() -> Iterator[Heard]:
    """What the signals said while the test ran."""
    said: Heard = []

    def completed(revision: SeriesRevision, **_: Any) -> None:
        said.append(("completed", revision.pk))

    def changed(series: Series, **_: Any) -> None:
        said.append(("changed", series.pk))

    series_completed.connect(completed)
    series_changed.connect(changed)
    yield said
    series_completed.disconnect(completed)
    series_changed.disconnect(changed)


@pytest.fixture
def ready(send: Sender, slices: list[Path]) -> dict[str, Any]:
    return send.series(send(slices))


def unusable_with_volume(series: Series) -> None:
    """Grade the series as a volume that can be made but not be measured."""
    SeriesRevision.objects.filter(pk=series.current_id).update(grade=Grade.UNUSABLE)
    series.state, series.reason = SeriesState.UNUSABLE, "The slices overlap."
    series.save()


def test_a_checked_series_tells_its_geometry_and_volume(ready: dict[str, Any], volume: CTVolume) -> None:
    assert ready["state"] == "ready"
    assert ready["reason"] == ""
    assert ready["revision"] == 1
    assert len(ready["manifest_hash"]) == 64
    assert ready["geometry"]["grade"] in ("full", "limited")
    assert (
        {"code", "sentence"} <= set(ready["geometry"]["reasons"][0]) if ready["geometry"]["reasons"] else True
    )
    assert ready["volume"]["shape"] == list(volume.shape)
    np.testing.assert_allclose(ready["volume"]["spacing_mm"], volume.spacing_mm, rtol=1e-4)
    np.testing.assert_allclose(ready["volume"]["affine"], volume.affine, atol=1e-3)
    assert ready["volume"]["slice_order"][:5] == [6, 7, 5, 8, 4]
    assert sorted(ready["volume"]["slice_order"]) == list(range(SLICES))
    assert ready["reading_cohorts"] == ["north"]


@pytest.mark.parametrize("encoding", ["zstd", "gzip", "", "zstd;q=0, gzip;q=0.5", "br"])
def test_the_stream_is_the_volume_in_every_encoding(
    encoding: str, send: Sender, ready: dict[str, Any], volume: CTVolume
) -> None:
    answer = send.client.get(ready["volume"]["url"], headers={"accept-encoding": encoding})
    body = b"".join(answer.streaming_content)
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["X-Lungsight-Shape"] == ",".join(map(str, volume.shape))
    assert int(answer["Content-Length"]) == len(body)
    expected = {"zstd": "zstd", "gzip": "gzip", "zstd;q=0, gzip;q=0.5": "gzip"}.get(encoding)
    assert answer.get("Content-Encoding") == expected
    if expected == "gzip":
        body = gzip.decompress(body)
    elif expected == "zstd":
        body = zstandard.ZstdDecompressor().decompressobj().decompress(body)
    np.testing.assert_array_equal(_in_place(body, ready["volume"]), volume.hu)


def test_a_client_that_has_the_stream_gets_304(send: Sender, ready: dict[str, Any]) -> None:
    first = send.client.get(ready["volume"]["url"])
    assert b"".join(first.streaming_content)
    again = send.client.get(ready["volume"]["url"], headers={"if-none-match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = send.client.get(ready["volume"]["url"], headers={"if-none-match": '"x"'})
    assert b"".join(other.streaming_content)


def test_the_stream_of_an_older_revision_stays(send: Sender, slices: list[Path]) -> None:
    old = send.series(send(slices[:11]))
    new = send.series(send(slices[11:]))
    shapes = []
    for url in (old["volume"]["url"], new["volume"]["url"]):
        answer = send.client.get(url)
        shapes.append(len(b"".join(answer.streaming_content)) // (2 * 40 * 48))
    assert shapes == [11, SLICES]
    for number in ("3", "x", "-1", "9" * 30):
        assert (
            send.client.get(new["volume"]["url"].replace("revision=2", f"revision={number}")).status_code
            == 404
        )


def test_a_series_without_images_says_so(send: Sender, slices: list[Path]) -> None:
    series = send.series(send(slices[:1]))
    answer = send.client.get(f"/api/v1/series/{series['id']}/volume")
    assert (answer.status_code, answer.json()["code"]) == (409, "no_volume")


def test_the_stream_does_not_block_other_requests_under_asgi(ready: dict[str, Any]) -> None:
    request = Request(AsyncRequestFactory().get("/", headers={"accept-encoding": "zstd"}))
    answer = volume_response(request, SeriesRevision.objects.get(), lasting=True)
    assert isinstance(answer, StreamingHttpResponse)
    assert answer.is_async

    async def collected() -> bytes:
        return b"".join([chunk async for chunk in answer])

    raw = zstandard.ZstdDecompressor().decompressobj().decompress(async_to_sync(collected)())
    assert len(raw) == 2 * np.prod(ready["volume"]["shape"])


def test_a_study_shows_its_patient_without_name_and_hospital_id(send: Sender, slices: list[Path]) -> None:
    upload = send(slices)
    run_checks()
    study = send.client.get(f"/api/v1/studies/{upload['studies'][0]}/").json()
    assert study["patient"]["age"] == 60
    assert study["study_date"] == "2020-01-31"
    assert study["cohorts"] == ["north"]
    assert [one["id"] for one in study["series"]] == upload["series"]
    assert "Phantom" not in str(study)
    assert "PHANTOM-1" not in str(study)


def test_a_study_names_only_cohorts_the_user_sees(send: Sender, slices: list[Path], world: World) -> None:
    second = CohortFactory(slug="second", hospital=world.north)
    member = MembershipFactory(cohort=second).user
    send(slices)
    Sender(world.as_user(member))(slices)
    (row,) = send.client.get("/api/v1/studies/").json()["results"]
    assert row["cohorts"] == ["north"]


def test_studies_can_be_limited_to_a_cohort(send: Sender, slices: list[Path], world: World) -> None:
    send(slices)
    assert len(send.client.get("/api/v1/studies/?cohort=north").json()["results"]) == 1
    for slug in ("south", "none", "%00"):
        assert send.client.get(f"/api/v1/studies/?cohort={slug}").json()["results"] == []


def test_the_list_costs_the_same_for_few_and_many_studies(
    send: Sender, series_of: Write, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    for number in range(6):
        send(series_of(study_uid=f"1.2.3.{number}", patient_id=f"P{number}")[:1])
    run_checks()
    with django_assert_max_num_queries(9):
        listed = send.client.get("/api/v1/studies/").json()
    assert (len(listed["results"]), listed["count"]) == (6, 6)
    with django_assert_max_num_queries(9):
        assert len(send.client.get("/api/v1/studies/?page_size=2").json()["results"]) == 2


def test_opening_a_study_is_recorded_once(send: Sender, ready: dict[str, Any], world: World) -> None:
    for _ in range(3):
        send.client.get(f"/api/v1/series/{ready['id']}/")
        send.client.get(f"/api/v1/studies/{ready['study']}/")
        assert b"".join(send.client.get(ready["volume"]["url"]).streaming_content)
    opened = AuditEvent.objects.filter(action="study.opened", target_key=ready["study"])
    assert [event.actor_key for event in opened] == [str(world.reader.pk)]
    world.as_user(world.lead).get(f"/api/v1/series/{ready['id']}/")
    assert opened.all().count() == 2


def test_a_finished_check_is_told_after_commit(
    send: Sender, slices: list[Path], heard: Heard, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    send(slices)
    with django_capture_on_commit_callbacks(execute=True):
        run_checks()
    series = Series.objects.get()
    assert ("completed", series.current_id) in heard
    assert heard.count(("changed", series.pk)) == 2


def test_an_unusable_series_is_not_told_as_completed(
    send: Sender, slices: list[Path], heard: Heard, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    send(slices[:1])
    with django_capture_on_commit_callbacks(execute=True):
        run_checks()
    assert {what for what, _ in heard} == {"changed"}


def test_unusable_geometry_can_be_overruled_with_a_reason(
    send: Sender, ready: dict[str, Any], heard: Heard, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    series = Series.objects.get()
    unusable_with_volume(series)
    url = f"/api/v1/series/{series.pk}/override/"
    assert send.client.post(url, {}).status_code == 400
    assert send.client.post(url, {"reason": " "}).status_code == 400
    with django_capture_on_commit_callbacks(execute=True):
        answer = send.client.post(url, {"reason": "Checked by eye"})
    assert (answer.status_code, answer.json()["state"]) == (200, "ready")
    assert answer.json()["override_reason"] == "Checked by eye"
    assert ("completed", series.current_id) in heard
    assert AuditEvent.objects.filter(action="series.overridden", target_key=str(series.pk)).count() == 1
    assert send.client.post(url, {"reason": "again"}).status_code == 409


def test_slices_that_make_no_volume_cannot_be_overruled(send: Sender, slices: list[Path]) -> None:
    series = send.series(send(slices[:1]))
    answer = send.client.post(f"/api/v1/series/{series['id']}/override/", {"reason": "please"})
    assert (answer.status_code, answer.json()["code"]) == (409, "no_volume")


def test_an_override_ends_with_the_revision_it_was_given_for(send: Sender, slices: list[Path]) -> None:
    send.series(send(slices[:11]))
    series = Series.objects.get()
    unusable_with_volume(series)
    send.client.post(f"/api/v1/series/{series.pk}/override/", {"reason": "Checked by eye"})
    assert "override_reason" not in send.series(send(slices[11:]))


def test_a_lost_worker_writes_nothing(send: Sender, slices: list[Path]) -> None:
    send(slices)
    upload = work.claim(Upload, "one")
    assert upload
    check_upload(upload, lambda _stage, _part: None)
    late = work.claim(SeriesRevision, "one")
    assert late
    SeriesRevision.objects.update(attempt=late.attempt + 1)
    with pytest.raises(work.LostLease):
        check_revision(late, lambda _stage, _part: None)
    assert Series.objects.get().state == SeriesState.CHECKING
    assert SeriesRevision.objects.get().volume_zstd is None


def _in_place(body: bytes, header: dict[str, Any]) -> NDArray[np.int16]:
    """Return the volume [z, y, x] of a stream."""
    stream = np.frombuffer(body, "<i2").reshape(header["shape"])
    volume = np.empty_like(stream)
    volume[header["slice_order"]] = stream
    return volume


def test_a_blob_that_is_lost_is_our_fault_and_not_shown_as_images(
    send: Sender, ready: dict[str, Any]
) -> None:
    with blobs.local_path(str(SeriesRevision.objects.get().volume_zstd_id)) as path:
        path.unlink()
    answer = send.client.get(ready["volume"]["url"], headers={"accept-encoding": "zstd"})
    assert (answer.status_code, answer.json()["code"]) == (500, "our_fault")
