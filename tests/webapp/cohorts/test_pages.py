from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.webapp.conftest import World
from webapp.accounts.factories import UserFactory
from webapp.accounts.models import User
from webapp.cohorts.factories import MembershipFactory
from webapp.cohorts.models import AIPolicy, Cohort, Membership


def send(world: World, address: str, body: dict[str, object], role: str = "administrator") -> Any:
    return world.as_role(role).post(address, body, format="multipart", follow=True)


def words(response: Any) -> str:
    return str(response.content.decode())


def test_the_password_of_a_new_user_is_shown_once_and_works(world: World) -> None:
    body = {"email": "new@example.org", "name": "Ada New", "role": "reader", "cohort": str(world.cohort.pk)}
    page = send(world, "/manage/users/new/", body)
    password = re.search(r'id="password">([^<]+)<', words(page))
    user = User.objects.get(email="new@example.org")
    assert password is not None
    assert user.check_password(password[1])
    assert user.hospital == world.north
    assert user.memberships.get().role == "reader"
    assert "no-store" in page["Cache-Control"]


def test_a_role_in_no_cohort_is_refused_with_a_sentence(world: World) -> None:
    page = send(world, "/manage/users/new/", {"email": "new@example.org", "role": "reader", "cohort": ""})
    assert "This role needs a cohort." in words(page)
    assert not User.objects.filter(email="new@example.org").exists()


def test_an_address_that_has_an_account_is_refused_and_what_was_typed_stays(world: World) -> None:
    body = {"email": world.reader.email, "name": "Ada", "role": "administrator"}
    page = words(send(world, "/manage/users/new/", body))
    assert "This e-mail address has an account already." in page
    assert 'value="Ada"' in page


def test_an_account_is_deactivated_and_activated_again(world: World) -> None:
    address = f"/manage/users/{world.reader.pk}/active/"
    assert "can no longer sign in" in words(send(world, address, {"active": "no", "revision": 1}))
    world.reader.refresh_from_db()
    assert not world.reader.is_active
    send(world, address, {"active": "yes", "revision": 2})
    world.reader.refresh_from_db()
    assert world.reader.is_active


@pytest.mark.parametrize("revision", ["7", "", "x"])
def test_a_button_of_an_old_page_changes_nothing(world: World, revision: str) -> None:
    page = send(world, f"/manage/users/{world.reader.pk}/active/", {"active": "no", "revision": revision})
    assert "Somebody else changed this account meanwhile." in words(page)
    world.reader.refresh_from_db()
    assert world.reader.is_active


def test_administrators_cannot_deactivate_themselves(world: World) -> None:
    page = send(world, f"/manage/users/{world.administrator.pk}/active/", {"active": "no", "revision": 1})
    assert page.status_code == 409
    assert "You cannot deactivate yourself" in words(page)


def test_an_account_is_changed_based_on_the_revision_of_the_page(world: World) -> None:
    address = f"/manage/users/{world.reader.pk}/"
    body = {"revision": 1, "name": "Ada", "hospital": str(world.north.pk), "is_administrator": "on"}
    assert "was saved" in words(send(world, address, body))
    conflict = words(send(world, address, body | {"name": "Bea"}))
    assert "the name is Ada" in conflict
    world.reader.refresh_from_db()
    assert (world.reader.name, world.reader.is_administrator) == ("Ada", True)


def test_a_longer_list_of_users_needs_no_more_queries(world: World) -> None:
    client = world.as_user(world.administrator)
    with CaptureQueriesContext(connection) as few:
        client.get("/manage/users/")
    MembershipFactory.create_batch(10, cohort=world.cohort)
    with CaptureQueriesContext(connection) as many:
        client.get("/manage/users/")
    assert len(many) == len(few) <= 10


def test_a_lead_sees_and_changes_the_own_cohort(world: World) -> None:
    page = words(world.as_user(world.lead).get("/manage/cohorts/"))
    assert "Cohort North" in page
    assert "Cohort South" not in page
    body = {"revision": 1, "name": "Cohort North", "ai_policy": "never"}
    assert "The cohort was saved." in words(send(world, "/manage/cohorts/north/", body, "lead"))
    assert Cohort.objects.get(slug="north").ai_policy == AIPolicy.NEVER
    conflict = words(send(world, "/manage/cohorts/north/", body | {"ai_policy": "at_once"}, "lead"))
    assert "AI results are shown never" in conflict


def test_an_administrator_adds_a_cohort_and_a_lead_does_not(world: World) -> None:
    body = {"name": "Spring", "hospital": str(world.south.pk), "ai_policy": "at_once"}
    assert send(world, "/manage/cohorts/", body, "lead").status_code == 403
    assert "Spring was added." in words(send(world, "/manage/cohorts/", body))


def test_members_are_added_changed_and_removed_on_the_page(world: World) -> None:
    UserFactory(email="colleague@example.org", hospital=world.north)
    body = {"email": "colleague@example.org", "role": "viewer"}
    send(world, "/manage/cohorts/north/members/", body, "lead")
    member = Membership.objects.get(user__email="colleague@example.org")
    address = f"/manage/cohorts/north/members/{member.pk}/"
    send(world, address, {"role": "reader", "revision": 1}, "lead")
    late = send(world, address, {"role": "lead", "revision": 1}, "lead")
    assert "Somebody else saved revision 2" in words(late)
    member.refresh_from_db()
    assert member.role == "reader"
    send(world, f"{address}remove/", {}, "lead")
    assert not Membership.objects.filter(pk=member.pk).exists()


def test_a_person_of_a_foreign_hospital_is_refused_with_a_sentence(world: World) -> None:
    body = {"email": world.stranger.email, "role": "reader"}
    page = words(send(world, "/manage/cohorts/north/members/", body, "lead"))
    assert "Nobody with this e-mail address works in a hospital of this cohort." in page


@pytest.mark.parametrize(
    ("target", "expected"),
    [("/manage/users/", "/manage/users/"), ("https://evil.example/", "/manage/cohorts/north/"),
     ("//evil.example/", "/manage/cohorts/north/"), ("", "/manage/cohorts/north/")],
)  # fmt: skip
def test_a_button_returns_only_to_pages_of_this_site(world: World, target: str, expected: str) -> None:
    body = {"email": "nobody@example.org", "role": "reader", "next": target}
    client = world.as_user(world.administrator)
    response = client.post("/manage/cohorts/north/members/", body, format="multipart")
    assert response["Location"] == expected


def test_an_administrator_opens_the_cohort_to_a_guest_hospital(world: World) -> None:
    send(world, "/manage/cohorts/north/guests/", {"revision": 1, "guests": [str(world.south.pk)]})
    assert list(world.cohort.guests.all()) == [world.south]
    late = send(world, "/manage/cohorts/north/guests/", {"revision": 1})
    assert "Somebody else changed this cohort meanwhile." in words(late)
    assert list(world.cohort.guests.all()) == [world.south]


@pytest.mark.parametrize(
    ("role", "first"), [("administrator", "/manage/users/"), ("lead", "/manage/cohorts/")]
)
def test_manage_leads_to_what_the_person_manages(world: World, role: str, first: str) -> None:
    assert world.as_role(role).get("/manage/")["Location"] == first


@pytest.mark.parametrize("payload", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'])
def test_names_are_never_run_as_html(world: World, payload: str) -> None:
    world.reader.name = world.cohort.name = payload
    world.reader.save()
    world.cohort.save()
    for address in (
        "users/",
        f"users/{world.reader.pk}/",
        "cohorts/",
        "cohorts/north/",
        f"users/?q={payload}",
    ):
        assert payload not in words(world.as_user(world.administrator).get(f"/manage/{address}"))
