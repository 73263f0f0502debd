"""The worklist's and the cohorts' pages: what each person sees, and what stays out of sight."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.webapp.conftest import ROLES, World
from webapp.analyses.factories import SHAPE, box_mask, finished_analysis, ready_series
from webapp.cohorts.models import AIPolicy
from webapp.core.models import WorkState
from webapp.imaging.models import Series

BOX = (1, 2, 3, 3, 5, 7)


@pytest.fixture
def series(world: World) -> Series:
    """A ready and analysed series in cohort north."""
    made = ready_series(world.cohort)
    finished_analysis(made, {"density": [box_mask(SHAPE, BOX)]})
    return made


def rows(page: Any) -> list[str]:
    """Return the series of the rows, as the page shows them."""
    return re.findall(r'<tr data-series="([^"]+)"', page.content.decode())


def test_the_root_leads_to_the_worklist(world: World) -> None:
    assert world.as_user(world.reader).get("/")["Location"] == "/worklist/"


@pytest.mark.parametrize("address", ["/worklist/", "/worklist/rows/?series={series}"])
def test_the_worklist_shows_only_studies_of_ones_own_cohorts(
    address: str, series: Series, world: World
) -> None:
    address = address.format(series=series.pk)
    seen = {role: rows(world.as_role(role).get(address)) for role in ROLES if role != "anonymous"}
    members = [role for role in seen if role != "stranger"]
    assert seen == {role: [str(series.pk)] for role in members} | {"stranger": []}
    assert world.anonymous.get(address).status_code == 302


def test_a_cohort_of_others_does_not_exist(series: Series, world: World) -> None:
    answers = {role: world.as_role(role).get("/cohorts/north/").status_code for role in ROLES}
    assert answers == dict.fromkeys(ROLES, 200) | {"stranger": 404, "anonymous": 302}


def test_only_those_who_may_export_are_offered_the_export(series: Series, world: World) -> None:
    offered = {
        role for role in ROLES
        if b"export.csv" in world.as_role(role).get("/cohorts/north/").content
    }  # fmt: skip
    assert offered == {"administrator", "lead", "data_manager"}


def test_a_stranger_does_not_read_of_other_cohorts_in_the_list(world: World) -> None:
    page = world.as_user(world.stranger).get("/cohorts/").content.decode()
    assert "Cohort South" in page
    assert "Cohort North" not in page


def test_ai_results_stay_hidden_where_the_policy_says_so(series: Series, world: World) -> None:
    reader = world.as_user(world.reader)
    assert b"Hidden" not in reader.get("/worklist/").content
    world.cohort.ai_policy = AIPolicy.NEVER
    world.cohort.save()
    for address in ("/worklist/", "/cohorts/north/"):
        page = reader.get(address).content.decode()
        assert "Hidden" in page
        assert 'class="trk"' not in page


def test_a_row_that_the_filters_hide_is_marked(series: Series, world: World) -> None:
    reader = world.as_user(world.reader)
    shown = reader.get(f"/worklist/rows/?state=unread&series={series.pk}").content.decode()
    hidden = reader.get(f"/worklist/rows/?state=signed&series={series.pk}").content.decode()
    assert 'data-matches="yes"' in shown
    assert 'data-matches="no"' in hidden


def test_ids_that_are_none_find_nothing(series: Series, world: World) -> None:
    page = world.as_user(world.reader).get("/worklist/rows/?state=signed&series=nonsense")
    assert page.status_code == 200
    assert rows(page) == []


def test_a_failed_analysis_says_why_and_offers_another_try_to_those_who_may(
    series: Series, world: World
) -> None:
    analysis = series.current.analyses.get()  # type: ignore[union-attr]
    analysis.state, analysis.error_message = WorkState.FAILED, "The worker ran out of memory."
    analysis.save()
    assert b"The worker ran out of memory." in world.as_user(world.viewer).get("/worklist/").content
    assert b"data-retry" not in world.as_user(world.viewer).get("/worklist/").content
    assert f'data-retry="{analysis.pk}"'.encode() in world.as_user(world.reader).get("/worklist/").content


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("?state=mine", "No reading of yours is open"),
        ("?state=signed", "Nothing is signed yet"),
        ("?state=unread&q=nobody", "1 study is hidden by the search"),
    ],
)
def test_an_empty_worklist_says_why(query: str, words: str, series: Series, world: World) -> None:
    page = world.as_user(world.reader).get(f"/worklist/{query}").content.decode()
    assert words in re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_the_search_is_shown_as_text(series: Series, world: World) -> None:
    page = world.as_user(world.reader).get("/worklist/", {"q": "<script>alert(1)</script>"}).content
    assert b"<script>alert" not in page


def test_a_long_worklist_costs_no_more_queries_than_a_short_one(series: Series, world: World) -> None:
    client = world.as_user(world.reader)
    short = queries(client)
    for _ in range(5):
        finished_analysis(ready_series(world.cohort), {"density": [box_mask(SHAPE, BOX)]})
    assert queries(client) == short


def queries(client: Any) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get("/worklist/").status_code == 200
    return len(captured)
