from __future__ import annotations

from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from tests.webapp.conftest import World
from webapp.accounts.factories import HospitalFactory, UserFactory
from webapp.accounts.models import Hospital, User
from webapp.accounts.services import issue_token
from webapp.audit.models import AuditEvent


def test_an_administrator_creates_a_user_whose_password_is_told_once(world: World) -> None:
    client = world.as_user(world.administrator)
    response = client.post("/api/v1/users/", {"email": "New@Example.org", "hospital": "north"})
    assert response.status_code == 201
    user = User.objects.get(email="new@example.org")
    assert user.check_password(response.json()["password"])
    assert user.hospital == world.north
    assert "password" not in client.get(f"/api/v1/users/{user.pk}/").json()
    event = AuditEvent.objects.get(action="user.created")
    assert (event.actor_key, event.target_key) == (str(world.administrator.pk), str(user.pk))
    assert "new@example.org" not in str(event.details)


def test_an_address_gets_one_account(world: World) -> None:
    response = world.as_user(world.administrator).post("/api/v1/users/", {"email": "READER@example.org"})
    assert (response.status_code, response.json()["code"]) == (409, "user_exists")


def test_users_are_found_by_name_and_address_in_pages(world: World) -> None:
    for n in range(3):
        UserFactory(name=f"Ada {n}", hospital=world.north)
    client = world.as_user(world.administrator)
    found = client.get("/api/v1/users/?q=ada&page_size=2").json()
    assert (found["count"], len(found["results"])) == (3, 2)
    assert found["next"]
    assert client.get("/api/v1/users/?q=stranger@").json()["count"] == 1


def test_a_longer_list_of_users_needs_no_more_queries(world: World) -> None:
    client = world.as_user(world.administrator)
    with CaptureQueriesContext(connection) as few:
        client.get("/api/v1/users/")
    UserFactory.create_batch(10)
    with CaptureQueriesContext(connection) as many:
        client.get("/api/v1/users/")
    assert len(many) == len(few) <= 6


def change(client: APIClient, address: str, body: dict[str, object], revision: int | None = 1) -> Any:
    headers = {} if revision is None else {"HTTP_IF_MATCH": f'"{revision}"'}
    return client.patch(address, body, **headers)


def test_a_change_says_which_revision_it_was_based_on(world: World) -> None:
    client, address = world.as_user(world.administrator), f"/api/v1/users/{world.reader.pk}/"
    assert change(client, address, {"name": "Ada"}, revision=None).status_code == 428
    saved = change(client, address, {"name": "Ada"})
    assert (saved.status_code, saved.json()["revision"]) == (200, 2)
    stale = change(client, address, {"name": "Bea"})
    assert stale.status_code == 409
    body = stale.json()
    assert (body["code"], body["yours"], body["theirs"]["name"]) == ("stale", {"name": "Bea"}, "Ada")
    world.reader.refresh_from_db()
    assert world.reader.name == "Ada"


def test_deactivating_ends_sessions_and_tokens(world: World) -> None:
    session, token = world.as_user(world.reader), APIClient()
    token.credentials(HTTP_AUTHORIZATION=f"Token {issue_token(user=world.reader).text}")
    change(world.as_user(world.administrator), f"/api/v1/users/{world.reader.pk}/", {"is_active": False})
    assert session.get("/api/v1/me/").status_code == 401
    assert token.get("/api/v1/me/").status_code == 401


def test_administrators_cannot_shut_themselves_out(world: World) -> None:
    client, address = world.as_user(world.administrator), f"/api/v1/users/{world.administrator.pk}/"
    for body in ({"is_active": False}, {"is_administrator": False}):
        response = change(client, address, body)
        assert response.status_code == 409
        assert response.json()["code"] == "own_account"


def test_a_member_is_not_moved_to_a_hospital_without_part_in_the_cohort(world: World) -> None:
    client, address = world.as_user(world.administrator), f"/api/v1/users/{world.reader.pk}/"
    refused = change(client, address, {"hospital": "south"})
    assert refused.json()["code"] == "member_elsewhere"
    world.cohort.guests.add(world.south)
    assert change(client, address, {"hospital": "south"}).status_code == 200


def test_a_new_password_is_told_once_and_ends_the_old_one(world: World) -> None:
    session = world.as_user(world.reader)
    response = world.as_user(world.administrator).post(f"/api/v1/users/{world.reader.pk}/password/")
    world.reader.refresh_from_db()
    assert world.reader.check_password(response.json()["password"])
    assert session.get("/api/v1/me/").status_code == 401


def test_hospitals_are_added_renamed_and_never_overwritten(world: World) -> None:
    client = world.as_user(world.administrator)
    added = client.post("/api/v1/hospitals/", {"name": "Krankenhaus Ost"}).json()
    assert added["slug"] == "krankenhaus-ost"
    address = f"/api/v1/hospitals/{added['id']}/"
    assert change(client, address, {"name": "Hospital East"}).json()["revision"] == 2
    stale = change(client, address, {"name": "Mine"})
    assert stale.json()["theirs"]["name"] == "Hospital East"
    taken = change(client, address, {"name": "Hospital North"}, revision=2)
    assert (taken.status_code, taken.json()["code"]) == (409, "hospital_exists")


def test_two_hospitals_never_share_a_name_or_an_address(world: World) -> None:
    client = world.as_user(world.administrator)
    assert client.post("/api/v1/hospitals/", {"name": "Hospital North"}).status_code == 409
    HospitalFactory(name="Other", slug="hospital-west")
    assert client.post("/api/v1/hospitals/", {"name": "Hospital West"}).status_code == 201
    assert Hospital.objects.filter(slug__startswith="hospital-west").count() == 2
