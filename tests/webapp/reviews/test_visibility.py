"""Who sees and who changes which reading. Hospital south must never learn that a reading exists."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.webapp.conftest import ROLES, World
from tests.webapp.reviews.conftest import region_ids
from webapp.accounts.factories import PASSWORD
from webapp.accounts.models import User
from webapp.analyses.factories import ready_series
from webapp.analyses.models import Analysis
from webapp.cohorts.factories import MembershipFactory
from webapp.cohorts.models import AIPolicy, Cohort, Membership, Role
from webapp.imaging.models import Series
from webapp.reviews.factories import draft, signed
from webapp.reviews.models import Reading, ReadingState

COLLEAGUES = ("administrator", "lead")
"""Roles that see another reader's draft; the world's own reader wrote it."""


def requests(reading: Reading, region: str) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Every way to write in a reading: method, address, body."""
    url = f"/api/v1/readings/{reading.pk}/"
    return {
        "change": ("patch", url, {"answers": {"co_rads": 3}}),
        "draw": ("put", f"{url}regions/{region}/mask?box=0,0,0,1,1,1", {}),
        "add_region": ("post", f"{url}regions/", {}),
        "reveal": ("post", f"{url}reveal/", {}),
        "use_analysis": ("post", f"{url}use-analysis/", {}),
        "sign": ("post", f"{url}sign/", {"password": PASSWORD}),
        "add": ("post", f"{url}addenda/", {"text": "More."}),
    }


OPERATIONS = ("change", "draw", "add_region", "reveal", "use_analysis", "sign", "add")


def send(client: APIClient, request: tuple[str, str, dict[str, Any]], revision: int) -> Any:
    method, url, body = request
    headers = {"If-Match": str(revision)}
    if method == "put":
        return client.put(url, b"\x80", content_type="application/octet-stream", headers=headers)
    return getattr(client, method)(url, body, headers=headers)


def expected(role: str, state: str, operation: str) -> int:
    """The whole table: state x operation x role."""
    if role == "anonymous":
        return 401
    if role == "stranger":
        return 404
    if role == "reader":
        if state == ReadingState.SIGNED:
            return 200 if operation == "add" else 409
        return {"add": 409, "sign": 409, "add_region": 201}.get(operation, 200)
    sees = state == ReadingState.SIGNED or role in COLLEAGUES
    return 403 if sees else 404


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("state", "operation"), product(ReadingState.values, OPERATIONS))
def test_every_cell_of_state_operation_and_role(
    world: World, series: Series, analysis: Analysis, state: str, operation: str, role: str
) -> None:
    make = signed if state == ReadingState.SIGNED else draft
    reading = make(world.reader, series)
    before = (reading.revision, reading.addenda.count())
    region = region_ids(analysis)[0]
    response = send(world.as_role(role), requests(reading, region)[operation], reading.revision)
    assert response.status_code == expected(role, state, operation), response.content
    reading.refresh_from_db()
    if response.status_code >= 400:
        assert (reading.revision, reading.addenda.count()) == before
        assert {"code", "message", "hint", "reference"} <= response.json().keys()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("state", ReadingState.values)
def test_who_sees_a_reading_of_the_reader(
    world: World, series: Series, analysis: Analysis, state: str, role: str
) -> None:
    make = signed if state == ReadingState.SIGNED else draft
    reading = make(world.reader, series)
    client = world.as_role(role)
    sees = role == "reader" or role in COLLEAGUES
    sees |= state == ReadingState.SIGNED and role in ("viewer", "data_manager")
    code = 401 if role == "anonymous" else 200 if sees else 404
    assert client.get(f"/api/v1/readings/{reading.pk}/").status_code == code
    listed = client.get(f"/api/v1/series/{series.pk}/readings/")
    if role in ("anonymous", "stranger"):
        assert listed.status_code == {"anonymous": 401, "stranger": 404}[role]
    else:
        assert [row["id"] for row in listed.json()["results"]] == ([str(reading.pk)] if sees else [])
    if code == 200:
        assert client.get(f"/api/v1/readings/{reading.pk}/").json()["mine"] is (role == "reader")


@pytest.mark.parametrize(
    ("role", "code"),
    [
        ("administrator", 201), ("reader", 201), ("lead", 201), ("viewer", 403), ("data_manager", 403),
        ("stranger", 404), ("anonymous", 401),
    ],
)  # fmt: skip
def test_who_may_start_a_reading(world: World, series: Series, role: str, code: int) -> None:
    response = world.as_role(role).post(f"/api/v1/series/{series.pk}/readings/", {})
    assert response.status_code == code
    assert Reading.objects.count() == (code == 201)


@pytest.mark.parametrize(("role", "code"), [("reader", 403), ("lead", 201), ("administrator", 201)])
def test_only_a_lead_adjudicates(world: World, series: Series, role: str, code: int) -> None:
    body = {"round": "adjudication"}
    assert world.as_role(role).post(f"/api/v1/series/{series.pk}/readings/", body).status_code == code


@pytest.fixture
def colleague(world: World) -> User:
    user: User = MembershipFactory(cohort=world.cohort, role=Role.READER, user__email="b@example.org").user
    return user


def sees(world: World, user: User, reading: Reading) -> bool:
    return world.as_user(user).get(f"/api/v1/readings/{reading.pk}/").status_code == 200


@pytest.mark.parametrize("make", [draft, signed])
def test_a_reader_sees_the_answers_of_others_only_after_signing_his_own(
    world: World, series: Series, colleague: User, make: Any
) -> None:
    theirs = make(colleague, series)
    assert not sees(world, world.reader, theirs)
    draft(world.reader, series)
    assert not sees(world, world.reader, theirs)
    signed(world.reader, series)
    assert sees(world, world.reader, theirs)


def test_a_lead_who_has_begun_to_read_is_blinded_until_signed(world: World, series: Series) -> None:
    theirs = signed(world.reader, series)
    assert sees(world, world.lead, theirs)
    draft(world.lead, series)
    assert not sees(world, world.lead, theirs)
    signed(world.lead, series)
    assert sees(world, world.lead, theirs)


def test_an_adjudicating_lead_compares_readings(world: World, series: Series) -> None:
    theirs = signed(world.reader, series)
    world.as_user(world.lead).post(f"/api/v1/series/{series.pk}/readings/", {"round": "adjudication"})
    assert sees(world, world.lead, theirs)


def test_blinding_holds_through_every_cohort_of_the_series(world: World, series: Series) -> None:
    """A viewer elsewhere who is a reader here must not see answers through the other cohort."""
    series.study.cohorts.add(world.other_cohort)
    theirs = world.as_user(world.stranger).post(f"/api/v1/series/{series.pk}/readings/", {"cohort": "south"})
    reading = Reading.objects.get(pk=theirs.json()["id"])
    Reading.objects.update(state=ReadingState.SIGNED)
    MembershipFactory(cohort=world.other_cohort, user=world.reader, role=Role.VIEWER)
    assert not sees(world, world.reader, reading)
    assert not sees(world, world.lead, reading)


def test_a_reader_in_two_cohorts_of_the_series_names_one(world: World, series: Series) -> None:
    series.study.cohorts.add(world.other_cohort)
    MembershipFactory(cohort=world.other_cohort, user=world.reader, role=Role.READER)
    client = world.as_user(world.reader)
    url = f"/api/v1/series/{series.pk}/readings/"
    assert client.post(url, {}).json()["code"] == "cohort_needed"
    assert client.post(url, {"cohort": "south"}).json()["cohort"] == "south"
    assert client.post(url, {"cohort": "east"}).status_code == 403


def test_who_left_the_cohort_loses_the_reading_and_who_became_a_viewer_the_pen(
    world: World, series: Series
) -> None:
    reading = draft(world.reader, series)
    client = world.as_user(world.reader)
    Membership.objects.filter(user=world.reader).update(role=Role.VIEWER)
    response = send(client, requests(reading, "")["change"], 1)
    assert (response.status_code, response.json()["code"]) == (403, "not_a_reader")
    assert client.get(f"/api/v1/readings/{reading.pk}/").status_code == 200
    Membership.objects.filter(user=world.reader).delete()
    assert client.get(f"/api/v1/readings/{reading.pk}/").status_code == 404


def test_a_study_taken_out_of_the_cohort_takes_its_readings_along(world: World, series: Series) -> None:
    reading = draft(world.reader, series)
    series.study.cohorts.clear()
    assert not sees(world, world.reader, reading)


def test_a_signed_reading_tells_no_verdicts_where_ai_is_hidden(
    world: World, series: Series, analysis: Analysis
) -> None:
    reading = signed(world.reader, series)
    Cohort.objects.update(ai_policy=AIPolicy.AFTER_FIRST_ANSWERS)
    told = world.as_user(world.viewer).get(f"/api/v1/readings/{reading.pk}/").json()
    assert told["verdicts"] == {}
    assert "analysis" not in told
    assert told["answers"]["co_rads"] == 5


@pytest.mark.parametrize("role", ["viewer", "stranger", "anonymous", "lead"])
def test_the_bits_of_a_draft_are_as_private_as_the_draft(
    world: World, series: Series, analysis: Analysis, role: str
) -> None:
    reading = draft(world.reader, series)
    region = region_ids(analysis)[0]
    send(world.as_user(world.reader), requests(reading, region)["draw"], 1)
    response = world.as_role(role).get(f"/api/v1/readings/{reading.pk}/regions/{region}/mask")
    code = {"viewer": 404, "stranger": 404, "anonymous": 401, "lead": 200}[role]
    assert response.status_code == code


def test_a_region_of_another_reading_cannot_be_drawn_or_removed(world: World, series: Series) -> None:
    mine, other = draft(world.reader, series), draft(world.reader, ready_series(world.cohort))
    client = world.as_user(world.reader)
    added = send(client, requests(other, "")["add_region"], 1)
    region = added.json()["own_regions"][0]["id"]
    assert send(client, requests(mine, region)["draw"], 1).status_code == 404
    url = f"/api/v1/readings/{mine.pk}/regions/{region}/"
    assert client.delete(url, headers={"If-Match": "1"}).status_code == 404
    assert other.own_regions.count() == 1


@pytest.mark.parametrize(
    ("role", "code"), [("viewer", 404), ("lead", 403), ("stranger", 404), ("reader", 200)]
)
def test_own_regions_are_removed_by_their_author_alone(
    world: World, series: Series, role: str, code: int
) -> None:
    reading = draft(world.reader, series)
    added = send(world.as_user(world.reader), requests(reading, "")["add_region"], 1)
    url = f"/api/v1/readings/{reading.pk}/regions/{added.json()['own_regions'][0]['id']}/"
    assert world.as_role(role).delete(url, headers={"If-Match": "2"}).status_code == code
    assert reading.own_regions.count() == (code != 200)
