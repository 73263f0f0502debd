from __future__ import annotations

import pytest

from tests.webapp.conftest import World
from tests.webapp.reviews.conftest import Desk, region_ids, stored
from webapp.analyses.factories import ready_series
from webapp.analyses.models import Analysis
from webapp.audit.models import AuditEvent
from webapp.imaging.models import Series, SeriesState

pytestmark = pytest.mark.both_databases


@pytest.fixture
def desk(world: World, series: Series, analysis: Analysis) -> Desk:
    return Desk.begin(world.as_user(world.reader), series)


def test_a_new_reading_is_an_empty_draft_bound_to_the_analysis_shown(desk: Desk, analysis: Analysis) -> None:
    reading = desk.reading
    assert (reading["state"], reading["revision"], reading["mine"]) == ("draft", 1, True)
    assert reading["analysis"] == str(analysis.pk)
    assert reading["ai"]["policy"] == "at_once"
    assert reading["ai"]["shown"] is True
    assert reading["answers"] == {"note": "", "nothing_else": False}
    assert "signed_at" not in reading
    assert "content_hash" not in reading
    assert "answers_before_ai" not in reading


def test_starting_again_returns_the_same_reading(desk: Desk, world: World, series: Series) -> None:
    again = desk.client.post(f"/api/v1/series/{series.pk}/readings/", {"cohort": world.cohort.slug})
    assert (again.status_code, again.json()["id"]) == (200, desk.reading["id"])


def test_a_second_round_is_a_reading_of_its_own(desk: Desk, series: Series) -> None:
    second = Desk.begin(desk.client, series, round="second")
    assert second.reading["id"] != desk.reading["id"]


def test_a_series_that_cannot_be_used_is_not_read(world: World) -> None:
    series = ready_series(world.cohort)
    Series.objects.filter(pk=series.pk).update(state=SeriesState.UNUSABLE, reason="Only 3 slices.")
    response = world.as_user(world.reader).post(f"/api/v1/series/{series.pk}/readings/", {})
    assert (response.status_code, response.json()["code"]) == (409, "series_not_ready")
    assert response.json()["hint"] == "Only 3 slices."


def test_answers_are_merged_and_null_deletes(desk: Desk) -> None:
    desk.patch(answers={"co_rads": 5, "severity": {"RUL": 2, "LLL": 4}, "note": "old focus"})
    assert desk.patch(answers={"severity": {"RUL": None, "RML": 1}, "co_rads": None}).status_code == 200
    assert desk.reading["answers"] == {
        "severity": {"LLL": 4, "RML": 1},
        "note": "old focus",
        "nothing_else": False,
    }
    assert desk.reading["revision"] == 3


def test_the_pcr_result_comes_and_goes_with_co_rads_6(desk: Desk) -> None:
    assert desk.patch(answers={"pcr": "positive"}).json()["field"] == "pcr"
    desk.patch(answers={"co_rads": 6, "pcr": "positive"})
    assert desk.reading["answers"]["pcr"] == "positive"
    desk.patch(answers={"co_rads": 4})
    assert "pcr" not in desk.reading["answers"]


@pytest.mark.parametrize(
    ("answers", "field"),
    [
        ({"co_rads": 0}, "co_rads"),
        ({"co_rads": 7}, "co_rads"),
        ({"co_rads": True}, "co_rads"),
        ({"co_rads": "5"}, "co_rads"),
        ({"severity": {"RUL": 6}}, "severity.RUL"),
        ({"severity": {"LML": 1}}, "severity"),
        ({"severity": 3}, "severity"),
        ({"diagnosis": "flu"}, "diagnosis"),
        ({"diagnosis": ["NP"]}, "diagnosis"),
        ({"confidence": "90 %"}, "confidence"),
        ({"note": "x" * 10_001}, "note"),
        ({"note": "a\x00b"}, "note"),
        ({"note": 5}, "note"),
        ({"nothing_else": "yes"}, "nothing_else"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_answer_is_refused_by_name_and_nothing_is_saved(
    desk: Desk, answers: dict[str, object], field: str
) -> None:
    response = desk.patch(answers={"note": "kept?", **answers})
    assert (response.status_code, response.json()["field"]) == (400, field)
    assert stored(desk).revision == 1
    assert stored(desk).answers == {}


def test_a_lone_surrogate_in_a_note_is_refused(desk: Desk) -> None:
    response = desk.client.patch(
        desk.url, '{"answers": {"note": "\\ud800"}}', content_type="application/json", headers=desk.headers
    )
    assert response.status_code == 400


def test_verdicts_are_given_changed_and_taken_back(desk: Desk, analysis: Analysis) -> None:
    first, second = region_ids(analysis)
    desk.patch(verdicts={first: {"verdict": "rejected", "reason": "vessel"}, second: {"verdict": "unsure"}})
    assert desk.reading["verdicts"] == {
        first: {"verdict": "rejected", "reason": "vessel"},
        second: {"verdict": "unsure"},
    }
    desk.patch(verdicts={first: {"verdict": "accepted"}, second: None})
    assert desk.reading["verdicts"] == {first: {"verdict": "accepted"}}


def test_only_a_rejection_has_a_reason(desk: Desk, analysis: Analysis) -> None:
    response = desk.patch(verdicts={region_ids(analysis)[0]: {"verdict": "accepted", "reason": "vessel"}})
    assert response.status_code == 400
    assert "Only a rejected region has a reason." in response.json()["message"]


@pytest.mark.parametrize(
    "verdicts",
    [
        {"not-an-id": {"verdict": "accepted"}},
        {"00000000-0000-4000-8000-000000000000": {"verdict": "accepted"}},
        [1, 2],
    ],
)
def test_a_verdict_on_no_region_of_the_analysis_is_refused(desk: Desk, verdicts: object) -> None:
    assert desk.patch(verdicts=verdicts).status_code == 400
    assert stored(desk).revision == 1


def test_a_verdict_on_a_region_of_another_series_is_refused(desk: Desk, world: World) -> None:
    from webapp.analyses.factories import SHAPE, box_mask, finished_analysis

    other = finished_analysis(ready_series(world.cohort), {"density": [box_mask(SHAPE, (0, 0, 0, 1, 1, 1))]})
    response = desk.patch(verdicts={region_ids(other)[0]: {"verdict": "accepted"}})
    assert (response.status_code, response.json()["code"]) == (400, "region_not_shown")


def test_a_save_without_if_match_is_refused(desk: Desk) -> None:
    response = desk.client.patch(desk.url, {"answers": {"co_rads": 3}})
    assert (response.status_code, response.json()["code"]) == (428, "revision_missing")


def test_a_save_based_on_an_old_revision_gets_both_versions_and_writes_nothing(
    desk: Desk, analysis: Analysis
) -> None:
    other_tab = Desk(desk.client, desk.reading)
    desk.patch(answers={"co_rads": 3}, verdicts={region_ids(analysis)[0]: {"verdict": "accepted"}})
    late = other_tab.patch(answers={"co_rads": 5}, verdicts={region_ids(analysis)[0]: {"verdict": "unsure"}})
    body = late.json()
    assert (late.status_code, body["code"]) == (409, "stale")
    assert body["yours"]["answers"] == {"co_rads": 5}
    assert body["theirs"] == desk.reading
    assert desk.client.get(desk.url).json() == desk.reading


def test_every_save_is_one_audit_event_without_what_was_written(desk: Desk) -> None:
    before = AuditEvent.objects.count()
    desk.patch(answers={"note": "Mrs Doe is better", "co_rads": 2})
    event = AuditEvent.objects.latest("id")
    assert AuditEvent.objects.count() == before + 1
    assert (event.action, event.target_key) == ("reading.changed", desk.reading["id"])
    assert event.details == {
        "revision": 2, "answers": ["co_rads", "note"], "verdicts": [], "own_regions": []
    }  # fmt: skip


def test_a_refused_save_leaves_no_audit_event(desk: Desk) -> None:
    before = AuditEvent.objects.count()
    desk.patch(answers={"co_rads": 9})
    Desk(desk.client, desk.reading | {"revision": 7}).patch(answers={"co_rads": 1})
    assert AuditEvent.objects.count() == before
