from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.webapp.conftest import ROLES, World
from tests.webapp.weights import put_weights, use_weights
from webapp.accounts.models import User
from webapp.analyses.factories import SHAPE, box_mask, finished_analysis, ready_series
from webapp.analyses.models import Analysis
from webapp.analyses.visibility import reveal
from webapp.audit.models import AuditEvent
from webapp.cohorts.factories import MembershipFactory
from webapp.cohorts.models import AIPolicy, Cohort, Role
from webapp.core.models import WorkState
from webapp.imaging.models import Series, SeriesRevision, SeriesState
from webapp.reports import selectors
from webapp.reviews.factories import draft, signed

URL = "/api/v1/worklist/"


def rows(world: World, role: str = "reader", **query: Any) -> list[dict[str, Any]]:
    response = world.as_role(role).get(URL, query)
    assert response.status_code == 200, response.json()
    results: list[dict[str, Any]] = response.json()["results"]
    return results


def names(world: World, role: str = "reader", **query: Any) -> list[str]:
    return [row["patient"]["pseudonym"] for row in rows(world, role, **query)]


@pytest.mark.parametrize("role", ROLES)
def test_everybody_sees_the_series_of_their_own_cohorts(world: World, role: str) -> None:
    ready_series(world.cohort, pseudonym="NORTH")
    ready_series(world.other_cohort, pseudonym="SOUTH")
    response = world.as_role(role).get(URL)
    if role == "anonymous":
        assert response.status_code == 401
        return
    seen = [row["patient"]["pseudonym"] for row in response.json()["results"]]
    expected = {"administrator": ["SOUTH", "NORTH"], "stranger": ["SOUTH"]}.get(role, ["NORTH"])
    assert seen == expected
    assert response.json()["count"] == len(expected)
    assert response.json()["counts"]["all"] == len(expected)


def test_a_row_tells_what_the_page_shows(world: World) -> None:
    series = ready_series(world.cohort, pseudonym="P-1", sex="M", birth_date="1960-02-02")
    analysis = finished_analysis(series, infected_percent=31.25)
    reading = draft(world.reader, series)
    (row,) = rows(world)
    assert row["series"] == str(series.pk)
    assert row["study"] == str(series.study_id)
    assert row["patient"] == {"pseudonym": "P-1", "sex": "M", "age": 59}
    assert row["study_date"] == "2020-01-31"
    assert row["cohort"] == {"slug": "north", "name": "Cohort North"}
    assert row["geometry"]["grade"] == "full"
    assert row["geometry"]["sentence"].endswith(".")
    assert (row["state"], row["ai_hidden"], row["infected_percent"]) == ("ready", False, 31.25)
    assert row["analysis"]["id"] == str(analysis.pk)
    assert row["analysis"]["state"] == "succeeded"
    assert row["analysis"]["may_retry"] is False
    assert row["reading"]["id"] == str(reading.pk)
    assert row["reading"]["mine"] is True
    assert row["reading"]["reader"]["initials"] == world.reader.initials
    assert row["viewer_url"] == f"/series/{series.pk}/"
    assert "reason" not in row
    assert "error" not in row["analysis"]


def test_a_series_that_just_arrived_has_a_row_without_what_is_not_known(world: World) -> None:
    series = ready_series(world.cohort)
    SeriesRevision.objects.all().update(grade="", geometry={})
    Series.objects.filter(pk=series.pk).update(state=SeriesState.CHECKING)
    (row,) = rows(world)
    assert row["state"] == "checking"
    assert not {"geometry", "analysis", "infected_percent", "reading"} & row.keys()


@pytest.mark.parametrize(("role", "may_retry"), [("reader", True), ("viewer", False), ("data_manager", True)])
def test_a_failed_analysis_says_why_and_who_may_retry(world: World, role: str, may_retry: bool) -> None:
    series = ready_series(world.cohort)
    Analysis.objects.create(
        revision=series.current, systems=["density"], state=WorkState.FAILED,
        error_code="no_lungs", error_message="No lungs found.", error_hint="Is it a chest?",
    )  # fmt: skip
    (row,) = rows(world, role)
    assert row["analysis"]["may_retry"] is may_retry
    assert row["analysis"]["error"]["message"] == "No lungs found."
    assert "infected_percent" not in row


def test_a_waiting_analysis_tells_its_place_and_the_last_result_stays(world: World) -> None:
    series = ready_series(world.cohort)
    finished_analysis(series, infected_percent=5.0)
    Analysis.objects.create(revision=series.current, systems=["density"])
    (row,) = rows(world)
    assert (row["analysis"]["state"], row["analysis"]["queue_position"]) == ("queued", 1)
    assert row["infected_percent"] == 5.0


def test_results_of_an_older_revision_of_the_series_are_not_shown(world: World) -> None:
    from webapp.analyses.factories import ready_revision

    series = ready_series(world.cohort)
    finished_analysis(series)
    series.current = ready_revision(series, number=2)
    series.save()
    (row,) = rows(world)
    assert "analysis" not in row
    assert "infected_percent" not in row


@pytest.mark.parametrize("role", ["administrator", "reader", "viewer", "lead", "data_manager"])
def test_hidden_results_are_absent_for_everybody_until_revealed(world: World, role: str) -> None:
    Cohort.objects.update(ai_policy=AIPolicy.AFTER_FIRST_ANSWERS)
    series = ready_series(world.cohort)
    finished_analysis(series)
    (row,) = rows(world, role)
    assert row["ai_hidden"] is True
    assert "infected_percent" not in row
    reveal(reader=world.user(role), series=series)
    (row,) = rows(world, role)
    assert (row["ai_hidden"], row["infected_percent"]) == (False, 12.5)


CLASSIFIED = {
    "decovnet": {
        "version": "small-7", "probabilities": {"COVID-19": 0.25}, "operating_points": {"COVID-19": 0.25}
    }
}  # fmt: skip


@pytest.mark.parametrize(("version", "demonstration"), [("small-7", True), ("small-6", False)])
def test_a_row_says_what_a_classifier_predicts_and_what_its_weights_are_worth(
    version: str, demonstration: bool, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_weights(monkeypatch, tmp_path)
    put_weights(tmp_path, version=version)
    finished_analysis(ready_series(world.cohort), classifiers=CLASSIFIED)
    (row,) = rows(world)
    assert row["predictions"] == [
        {"system": "decovnet", "title": "DeCoVNet", "probability": 0.25, "positive": True,
         "demonstration": demonstration}
    ]  # fmt: skip
    page = " ".join(world.as_user(world.reader).get("/worklist/?state=all").content.decode().split())
    assert "DeCoVNet: 0.25, predicted positive" in page
    assert ("demonstration only" in page) is demonstration


def test_a_row_without_a_classifier_has_no_prediction(world: World) -> None:
    finished_analysis(ready_series(world.cohort))
    assert "predictions" not in rows(world)[0]


def test_each_series_stands_in_one_tab_and_the_counts_agree(world: World) -> None:
    colleague: User = MembershipFactory(cohort=world.cohort, role=Role.READER).user
    series = {
        name: ready_series(world.cohort, pseudonym=name) for name in ("NEW", "MINE", "DONE", "THEIRS", "BOTH")
    }
    draft(world.reader, series["MINE"])
    signed(world.reader, series["DONE"])
    draft(colleague, series["THEIRS"])
    signed(colleague, series["BOTH"])
    draft(world.reader, series["BOTH"])
    assert names(world, state="unread") == ["THEIRS", "NEW"]
    assert names(world, state="mine") == ["BOTH", "MINE"]
    assert names(world, state="signed") == ["DONE"]
    assert len(names(world, state="all")) == 5
    counts = world.as_user(world.reader).get(URL).json()["counts"]
    assert counts == {"unread": 2, "mine": 2, "signed": 1, "all": 5}


def test_the_row_shows_the_readers_own_reading_before_those_of_others(world: World) -> None:
    colleague: User = MembershipFactory(cohort=world.cohort, role=Role.READER).user
    series = ready_series(world.cohort)
    signed(colleague, series)
    own = draft(world.reader, series)
    assert rows(world)[0]["reading"]["id"] == str(own.pk)
    shown = rows(world, "viewer")[0]["reading"]
    assert (shown["state"], shown["mine"], shown["reader"]["name"]) == ("signed", False, str(colleague))


def test_search_finds_parts_of_pseudonyms_and_nothing_else(world: World) -> None:
    ready_series(world.cohort, pseudonym="P-7F3K2", name="Secret^Name", patient_id="ID77")
    ready_series(world.cohort, pseudonym="P-Q2M8D")
    assert names(world, q="7f3") == ["P-7F3K2"]
    for query in ("secret", "ID77", "%", "a\x00b"):
        assert names(world, q=query) == []


def test_a_cohort_filter_shows_that_cohort_only_if_the_user_belongs_to_it(world: World) -> None:
    both = ready_series(world.cohort, pseudonym="BOTH")
    both.study.cohorts.add(world.other_cohort)
    ready_series(world.cohort, pseudonym="NORTH")
    MembershipFactory(cohort=world.other_cohort, user=world.viewer, role=Role.VIEWER)
    (row,) = rows(world, "viewer", cohort="south")
    assert (row["patient"]["pseudonym"], row["cohort"]["slug"]) == ("BOTH", "south")
    assert rows(world, "reader", cohort="south") == []
    assert [row["cohort"]["slug"] for row in rows(world, "reader", series=str(both.pk))] == ["north"]


def test_a_reading_in_a_cohort_the_user_is_not_in_is_not_mentioned(world: World) -> None:
    series = ready_series(world.cohort)
    series.study.cohorts.add(world.other_cohort)
    signed(world.stranger, series)
    (row,) = rows(world)
    assert "reading" not in row
    assert names(world, state="unread") == [row["patient"]["pseudonym"]]


def test_rows_of_named_series_come_alone_and_foreign_ids_are_ignored(world: World) -> None:
    mine, foreign = ready_series(world.cohort), ready_series(world.other_cohort)
    ready_series(world.cohort)
    client = world.as_user(world.reader)
    response = client.get(f"{URL}?series={mine.pk}&series={foreign.pk}&series=nonsense")
    assert [row["series"] for row in response.json()["results"]] == [str(mine.pk)]
    assert client.get(f"{URL}?series=nonsense").json()["results"] == []


def test_an_unknown_tab_is_refused_in_words(world: World) -> None:
    response = world.as_user(world.reader).get(URL, {"state": "urgent"})
    assert (response.status_code, response.json()["code"]) == (400, "state_unknown")


def test_pages_are_turned_newest_first(world: World) -> None:
    for number in range(5):
        ready_series(world.cohort, pseudonym=f"P{number}")
    client = world.as_user(world.reader)
    first = client.get(URL, {"page_size": 2}).json()
    assert [row["patient"]["pseudonym"] for row in first["results"]] == ["P4", "P3"]
    assert first["count"] == 5
    second = client.get(first["next"]).json()
    assert [row["patient"]["pseudonym"] for row in second["results"]] == ["P2", "P1"]
    assert client.get(URL, {"page": 9}).status_code == 404


def test_next_to_read_is_ready_readable_and_unsigned(world: World) -> None:
    old = ready_series(world.cohort)
    broken = ready_series(world.cohort)
    Series.objects.filter(pk=broken.pk).update(state=SeriesState.UNUSABLE)
    signed(world.reader, ready_series(world.cohort))
    draft(world.reader, ready_series(world.cohort))
    assert selectors.next_unread(world.reader) == old
    assert selectors.next_unread(world.viewer) is None


def test_listing_is_written_into_the_trail_once_and_a_live_row_is_not(world: World) -> None:
    series = ready_series(world.cohort)
    rows(world, series=str(series.pk))
    assert not AuditEvent.objects.filter(action="worklist.listed").exists()
    rows(world)
    event = AuditEvent.objects.get(action="worklist.listed")
    assert event.details == {"studies": [str(series.study_id)]}


def test_fifty_rows_cost_as_many_queries_as_two(world: World) -> None:
    def queries() -> int:
        client = world.as_user(world.reader)
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert client.get(URL).status_code == 200
        return len(captured)

    def fill(count: int) -> None:
        for number in range(count):
            series = ready_series(world.cohort)
            finished_analysis(series, {"density": [box_mask(SHAPE, (0, 0, 0, 1, 1, 1))]})
            Analysis.objects.create(revision=series.current, systems=["density"], state=WorkState.RUNNING)
            if number % 2:
                draft(world.reader, series)

    fill(2)
    few = queries()
    fill(48)
    assert len(rows(world)) == 50
    assert queries() == few
    assert few <= 16
