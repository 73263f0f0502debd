"""Starting, stopping and repeating analyses."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.webapp.conftest import World
from webapp.analyses.automatic import start_automatic
from webapp.analyses.factories import ready_revision, ready_series
from webapp.analyses.models import Analysis
from webapp.analyses.services import cancel_analysis, request_analysis, retry_analysis
from webapp.audit.models import AuditEvent
from webapp.core.errors import UserError
from webapp.core.models import WorkState
from webapp.imaging.models import Grade, Series, SeriesState
from webapp.imaging.signals import series_changed, series_completed

pytestmark = pytest.mark.django_db


def ask(world: World, series: Series, **body: Any) -> Any:
    client = world.as_user(world.reader)
    return client.post(
        f"/api/v1/series/{series.pk}/analyses/", {"systems": ["density"]} | body, format="json"
    )


def test_a_request_is_queued_and_tells_its_place(world: World, series: Series) -> None:
    first = ask(world, series)
    assert first.status_code == 202
    told = first.json()
    assert (told["state"], told["systems"], told["queue_position"]) == ("queued", ["density"], 1)
    urgent = ready_series(world.cohort, volume=None)
    Analysis.objects.create(revision=urgent.current, systems=["density"], priority=5)
    again = world.as_user(world.reader).get(f"/api/v1/analyses/{told['id']}/").json()
    assert again["queue_position"] == 2
    assert AuditEvent.objects.filter(action="analysis.requested", target_key=told["id"]).count() == 1


def test_the_same_request_while_one_waits_gives_the_existing_one(world: World, series: Series) -> None:
    first, second = ask(world, series).json(), ask(world, series).json()
    assert first["id"] == second["id"]
    other = ask(world, series, options={"density": {"rule": "published"}}).json()
    assert other["id"] != first["id"]
    by_rules = ask(world, series, options={"lungs": {"method": "closed"}}).json()
    assert by_rules["options"] == {"lungs": {"method": "closed"}}
    Analysis.objects.filter(pk=first["id"]).update(state=WorkState.SUCCEEDED)
    assert ask(world, series).json()["id"] != first["id"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"systems": ["oracle"]}, "unknown_system"),
        ({"systems": []}, "unknown_system"),
        ({"options": {"density": {"rule": "guess"}}}, "unknown_option"),
        ({"options": {"density": {"speed": "high"}}}, "unknown_option"),
        ({"options": {"other": {"rule": "closed"}}}, "unknown_option"),
        ({"options": {"lungs": {"method": "guess"}}}, "unknown_option"),
        ({"options": {"lesions": {"rule": "closed"}}}, "unknown_option"),
        ({"systems": "density"}, "invalid"),
        ({"priority": 99}, "invalid"),
    ],
)
def test_a_request_for_what_does_not_exist_is_refused_with_a_sentence(
    body: dict[str, Any], code: str, world: World, series: Series
) -> None:
    answer = ask(world, series, **body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert not Analysis.objects.exists()


def test_unusable_geometry_is_refused_unless_it_was_overridden(world: World, series: Series) -> None:
    assert series.current is not None
    series.current.grade = Grade.UNUSABLE
    series.current.save()
    Series.objects.filter(pk=series.pk).update(state=SeriesState.UNUSABLE, reason="Slices are missing.")
    answer = ask(world, series)
    assert (answer.status_code, answer.json()["code"]) == (409, "geometry_unusable")
    assert "Slices are missing." in answer.json()["message"]
    Series.objects.filter(pk=series.pk).update(override_reason="Only the apex is missing.")
    assert ask(world, series).status_code == 202


@pytest.mark.parametrize("state", [SeriesState.RECEIVING, SeriesState.CHECKING, SeriesState.FAILED])
def test_a_series_without_a_passed_check_is_refused(state: SeriesState, world: World, series: Series) -> None:
    Series.objects.filter(pk=series.pk).update(state=state)
    assert ask(world, series).status_code == 409


@pytest.mark.parametrize("state", WorkState.values)
@pytest.mark.parametrize("operation", ["cancel", "retry"])
def test_every_state_allows_what_the_table_says(
    operation: str, state: str, world: World, series: Series
) -> None:
    allowed = {"cancel": {"queued", "running"}, "retry": {"failed", "cancelled"}}[operation]
    after = {"cancel": "cancelled", "retry": "queued"}[operation]
    analysis = Analysis.objects.create(revision=series.current, systems=["density"], state=state)
    answer = world.as_user(world.reader).post(f"/api/v1/analyses/{analysis.pk}/{operation}/")
    analysis.refresh_from_db()
    if state in allowed:
        assert (answer.status_code, answer.json()["state"]) == (200, after)
        assert analysis.state == after
    else:
        assert answer.status_code == 409
        assert answer.json()["message"]
        assert analysis.state == state


def test_a_retry_forgets_the_error_and_gets_fresh_tries(world: World, series: Series) -> None:
    analysis = Analysis.objects.create(
        revision=series.current, systems=["density"], state=WorkState.FAILED, tries_left=0,
        error_code="no_lungs", error_message="No lungs were found.", attempt=2,
    )  # fmt: skip
    client = world.as_user(world.reader)
    failed = client.get(f"/api/v1/analyses/{analysis.pk}/").json()
    assert failed["error"]["message"] == "No lungs were found."
    told = client.post(f"/api/v1/analyses/{analysis.pk}/retry/").json()
    assert "error" not in told
    analysis.refresh_from_db()
    assert analysis.tries_left == 2


def test_time_left_comes_from_past_runs_on_volumes_of_similar_size(world: World, series: Series) -> None:
    now = timezone.now()
    running = Analysis.objects.create(
        revision=series.current, systems=["density"], state=WorkState.RUNNING, progress=0.5, started_at=now
    )
    client = world.as_user(world.reader)
    assert "seconds_left" not in client.get(f"/api/v1/analyses/{running.pk}/").json()
    half = ready_series(world.cohort, shape=(28, 80, 96))
    for seconds in (9, 10, 50):
        Analysis.objects.create(
            revision=half.current, systems=["density"], state=WorkState.SUCCEEDED,
            started_at=now - timedelta(seconds=seconds), finished_at=now,
        )  # fmt: skip
    told = client.get(f"/api/v1/analyses/{running.pk}/").json()
    assert told["seconds_left"] == pytest.approx(10.0, abs=0.2)


def test_the_list_of_a_series_costs_the_same_for_many_analyses(
    world: World, series: Series, django_assert_num_queries: Any
) -> None:
    client = world.as_user(world.reader)
    address = f"/api/v1/series/{series.pk}/analyses/"
    for state in ("queued", "running", "succeeded", "failed"):
        Analysis.objects.create(revision=series.current, systems=["density"], state=state)
    with CaptureQueriesContext(connection) as few:
        client.get(address)
    for number in range(12):
        state = ("queued", "running")[number % 2]
        Analysis.objects.create(revision=series.current, systems=["density"], state=state)
    with django_assert_num_queries(len(few)):
        assert client.get(address).json()["count"] == 16
    assert len(few) <= 9


def test_a_new_revision_marks_the_old_analysis(world: World, series: Series) -> None:
    analysis = Analysis.objects.create(revision=series.current, systems=["density"])
    client = world.as_user(world.reader)
    assert client.get(f"/api/v1/analyses/{analysis.pk}/").json()["outdated"] is False
    series.current = ready_revision(series, number=2)
    series.save()
    assert client.get(f"/api/v1/analyses/{analysis.pk}/").json()["outdated"] is True


def same_study(series: Series, thickness: float, **changes: Any) -> Series:
    """Return another series of the study with slices of that thickness in mm."""
    other = Series.objects.create(
        study=series.study, series_uid=f"1.9.{Series.objects.count()}", modality="CT",
        state=SeriesState.READY,
    )  # fmt: skip
    affine = [[1.5, 0, 0, 0], [0, 1.5, 0, 0], [0, 0, thickness, 0], [0, 0, 0, 1.0]]
    other.current = ready_revision(other, number=1, affine=affine, volume=None)
    assert series.current is not None
    other.current.volume_zstd = series.current.volume_zstd
    other.current.save()
    for name, value in changes.items():
        setattr(other, name, value)
    other.save()
    return other


def test_the_thinnest_original_series_is_analysed_by_itself_once(world: World, series: Series) -> None:
    thinner = same_study(series, 1.0)
    same_study(series, 0.5, derived=True)
    coronal = same_study(series, 0.6)
    assert coronal.current is not None
    coronal.current.geometry = {"plane": "coronal"}
    coronal.current.save()
    same_study(series, 0.7, state=SeriesState.UNUSABLE)
    series_completed.send(sender=None, revision=series.current)
    analysis = Analysis.objects.get()
    assert analysis.revision.series == thinner
    assert analysis.requested_by is None
    series_changed.send(sender=None, series=thinner)
    assert start_automatic(series.study) is None
    assert Analysis.objects.count() == 1


def test_nothing_starts_while_a_series_of_the_study_is_being_checked(world: World, series: Series) -> None:
    checking = same_study(series, 1.0, state=SeriesState.CHECKING)
    series_completed.send(sender=None, revision=series.current)
    assert not Analysis.objects.exists()
    Series.objects.filter(pk=checking.pk).update(state=SeriesState.FAILED)
    checking.refresh_from_db()
    series_changed.send(sender=None, series=checking)
    assert Analysis.objects.get().revision.series == series


def test_services_refuse_what_the_state_does_not_allow(world: World, series: Series) -> None:
    analysis = request_analysis(series=series, systems=["density"], user=world.reader)
    with pytest.raises(UserError, match="can be tried again"):
        retry_analysis(analysis=analysis, user=world.reader)
    cancel_analysis(analysis=analysis, user=world.reader)
    with pytest.raises(UserError, match="already ended"):
        cancel_analysis(analysis=analysis, user=world.reader)
