from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.webapp.conftest import World
from webapp.accounts.factories import UserFactory
from webapp.audit.models import AuditEvent
from webapp.cohorts.factories import CohortFactory, MembershipFactory
from webapp.cohorts.models import Cohort, Membership, Role


def test_me_tells_who_is_signed_in_and_what_they_may_do_where(world: World) -> None:
    me = world.as_user(world.reader).get("/api/v1/me/").json()
    assert me["hospital"] == {"id": str(world.north.pk), "name": "Hospital North"}
    assert me["is_administrator"] is False
    assert me["cohorts"] == [
        {
            "slug": "north", "name": "Cohort North", "role": "reader", "ai_policy": "at_once",
            "may_upload": True, "may_read": True, "may_manage": False, "may_export": False,
        }
    ]  # fmt: skip


def test_an_administrator_may_everything_in_every_cohort(world: World) -> None:
    cohorts = world.as_user(world.administrator).get("/api/v1/me/").json()["cohorts"]
    assert [cohort["slug"] for cohort in cohorts] == ["north", "south"]
    assert all(cohort["may_manage"] and cohort["role"] == "administrator" for cohort in cohorts)


def test_more_cohorts_need_no_more_queries(world: World) -> None:
    client = world.as_user(world.reader)
    counts = []
    for address in ("/api/v1/me/", "/api/v1/cohorts/"):
        with CaptureQueriesContext(connection) as few:
            client.get(address)
        counts.append(len(few))
    for _ in range(5):
        MembershipFactory(cohort=CohortFactory(hospital=world.north), user=world.reader)
    for address, before in zip(("/api/v1/me/", "/api/v1/cohorts/"), counts, strict=True):
        with CaptureQueriesContext(connection) as many:
            client.get(address)
        assert len(many) == before <= 8


def test_people_list_only_their_own_cohorts(world: World) -> None:
    listed = world.as_user(world.stranger).get("/api/v1/cohorts/").json()
    assert [cohort["slug"] for cohort in listed["results"]] == ["south"]


def test_members_are_shown_to_who_manages_the_cohort_only(world: World) -> None:
    managed = world.as_user(world.lead).get("/api/v1/cohorts/north/").json()
    assert {member["email"] for member in managed["members"]} == {
        f"{name}@example.org" for name in ("reader", "viewer", "lead", "data-manager")
    }
    assert "members" not in world.as_user(world.reader).get("/api/v1/cohorts/north/").json()


def test_an_administrator_adds_a_cohort_with_an_address_from_its_name(world: World) -> None:
    client = world.as_user(world.administrator)
    body = {"name": "Spring 26", "hospital": "south", "ai_policy": "never"}
    added = client.post("/api/v1/cohorts/", body).json()
    assert (added["slug"], added["hospital"], added["ai_policy"]) == ("spring-26", "south", "never")
    again = client.post("/api/v1/cohorts/", body)
    assert (again.status_code, again.json()["code"]) == (409, "cohort_exists")


@pytest.mark.parametrize(
    "wrong", [{"slug": "../x"}, {"hospital": "nowhere"}, {"ai_policy": "sometimes"}, {"name": ""}]
)
def test_a_cohort_with_wrong_fields_is_refused(world: World, wrong: dict[str, str]) -> None:
    body = {"name": "Spring", "hospital": "north"} | wrong
    assert world.as_user(world.administrator).post("/api/v1/cohorts/", body).status_code == 400


def test_a_lead_changes_name_and_policy_based_on_a_revision(world: World) -> None:
    client, address = world.as_user(world.lead), "/api/v1/cohorts/north/"
    body = {"ai_policy": "after_first_answers"}
    assert client.patch(address, body).status_code == 428
    changed = client.patch(address, body, HTTP_IF_MATCH="1").json()
    assert (changed["ai_policy"], changed["name"], changed["revision"]) == (
        "after_first_answers", "Cohort North", 2,
    )  # fmt: skip
    stale = client.patch(address, {"name": "Mine"}, HTTP_IF_MATCH='"1"')
    assert stale.status_code == 409
    assert stale.json()["yours"] == {"name": "Mine"}
    assert stale.json()["theirs"]["revision"] == 2
    event = AuditEvent.objects.get(action="cohort.changed")
    assert event.details == {"fields": ["ai_policy"], "ai_policy": "after_first_answers"}


@pytest.mark.parametrize("wrong", [{"slug": "mine"}, {"hospital": "south"}, {"revision": 99}])
def test_slug_and_hospital_of_a_cohort_stay(world: World, wrong: dict[str, object]) -> None:
    world.as_user(world.lead).patch("/api/v1/cohorts/north/", wrong, HTTP_IF_MATCH="1")
    cohort = Cohort.objects.get(pk=world.cohort.pk)
    assert (cohort.slug, cohort.hospital) == ("north", world.north)


def test_a_lead_adds_changes_and_removes_a_member(world: World) -> None:
    client = world.as_user(world.lead)
    colleague = UserFactory(email="colleague@example.org", hospital=world.north)
    body = {"email": "Colleague@Example.org", "role": "viewer"}
    added = client.post("/api/v1/cohorts/north/members/", body).json()
    address = f"/api/v1/cohorts/north/members/{added['id']}/"
    assert client.patch(address, {"role": "reader"}).status_code == 428
    assert client.patch(address, {"role": "reader"}, HTTP_IF_MATCH="1").json()["role"] == "reader"
    stale = client.patch(address, {"role": "lead"}, HTTP_IF_MATCH="1")
    assert (stale.status_code, stale.json()["theirs"]["role"]) == (409, "reader")
    assert client.delete(address).status_code == 204
    assert not Membership.objects.filter(user=colleague).exists()
    recorded = AuditEvent.objects.filter(action__startswith="member.").values_list(
        "action", "details__member"
    )
    assert list(recorded.order_by("id")) == [
        (f"member.{what}", str(colleague.pk)) for what in ("added", "changed", "removed")
    ]


def test_a_member_is_added_once(world: World) -> None:
    body = {"email": world.reader.email, "role": "viewer"}
    response = world.as_user(world.lead).post("/api/v1/cohorts/north/members/", body)
    assert (response.status_code, response.json()["code"]) == (409, "already_member")


@pytest.mark.parametrize("asking", ["lead", "administrator"])
def test_a_stranger_of_another_hospital_and_an_unknown_address_are_refused_alike(
    world: World, asking: str
) -> None:
    client = world.as_role(asking)
    answers = []
    for email in (world.stranger.email, "nobody@example.org"):
        response = client.post("/api/v1/cohorts/north/members/", {"email": email, "role": "reader"})
        answers.append((response.status_code, response.json()["code"], response.json()["message"]))
    assert answers[0] == answers[1]
    assert answers[0][:2] == (409, "not_of_the_hospital")


def test_a_guest_hospital_opens_the_cohort_to_its_people_and_closing_it_removes_them(world: World) -> None:
    client = world.as_user(world.administrator)
    opened = client.patch("/api/v1/cohorts/north/", {"guests": ["south"]}, HTTP_IF_MATCH="1").json()
    assert (opened["guests"], opened["revision"]) == (["south"], 2)
    body = {"email": world.stranger.email, "role": "reader"}
    assert world.as_user(world.lead).post("/api/v1/cohorts/north/members/", body).status_code == 201
    closed = client.patch("/api/v1/cohorts/north/", {"guests": []}, HTTP_IF_MATCH="2").json()
    assert closed["guests"] == []
    assert not world.cohort.memberships.filter(user=world.stranger).exists()
    assert world.cohort.memberships.filter(user=world.reader, role=Role.READER).exists()
    assert world.other_cohort.memberships.filter(user=world.stranger).exists()


def test_guests_are_changed_alone_and_on_the_newest_revision(world: World) -> None:
    client, address = world.as_user(world.administrator), "/api/v1/cohorts/north/"
    mixed = client.patch(address, {"guests": ["south"], "name": "New"}, HTTP_IF_MATCH="1")
    assert (mixed.status_code, mixed.json()["code"]) == (400, "guests_alone")
    assert client.patch(address, {"guests": ["south"]}, HTTP_IF_MATCH="7").status_code == 409
    assert not world.cohort.guests.exists()
