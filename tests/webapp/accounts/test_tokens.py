from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from knox.models import AuthToken
from pytest_django import Settings
from rest_framework.test import APIClient

from tests.webapp.conftest import World
from webapp.accounts.factories import PASSWORD
from webapp.accounts.services import issue_token
from webapp.audit.models import AuditEvent


def ask(email: str, password: str) -> Any:
    return APIClient().post("/api/v1/auth/token/", {"email": email, "password": password})


def bearer(token: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    return client


def test_email_and_password_get_a_token_that_expires_and_signs_in(world: World) -> None:
    response = ask("Reader@Example.org", PASSWORD)
    assert response.status_code == 200
    expires = parse_datetime(response.json()["expires"])
    assert expires is not None
    assert timedelta() < expires - timezone.now() <= timedelta(days=7)
    me = bearer(response.json()["token"]).get("/api/v1/me/")
    assert me.json()["email"] == "reader@example.org"


def test_a_sign_in_for_a_token_starts_no_session(world: World) -> None:
    assert not ask(world.reader.email, PASSWORD).cookies


def test_only_the_hash_of_a_token_is_stored(world: World) -> None:
    token = ask(world.reader.email, PASSWORD).json()["token"]
    assert token not in str(AuthToken.objects.values().get())


@pytest.mark.parametrize(
    ("email", "password"),
    [("reader@example.org", "wrong"), ("nobody@example.org", PASSWORD), ("reader@example.org\0", PASSWORD)],
)
def test_a_wrong_password_and_an_unknown_address_are_refused(world: World, email: str, password: str) -> None:
    response = ask(email, password)
    assert response.status_code in (400, 403)
    assert set(response.json()) >= {"code", "message", "hint", "reference"}
    assert not AuthToken.objects.exists()


def test_wrong_password_and_unknown_address_get_the_same_words(world: World) -> None:
    known, unknown = ask(world.reader.email, "wrong").json(), ask("nobody@example.org", "wrong").json()
    assert (known["code"], known["message"]) == (unknown["code"], unknown["message"])


@pytest.mark.parametrize("body", [{}, {"email": "reader@example.org"}, {"password": PASSWORD}])
def test_an_incomplete_body_is_refused(world: World, body: dict[str, str]) -> None:
    assert APIClient().post("/api/v1/auth/token/", body).status_code == 400


def test_a_revoked_token_no_longer_signs_in(world: World) -> None:
    client = bearer(issue_token(user=world.reader).text)
    assert client.post("/api/v1/auth/logout/").status_code == 204
    refused = client.get("/api/v1/me/")
    assert (refused.status_code, refused.json()["code"]) == (401, "authentication_failed")
    assert AuditEvent.objects.filter(action="account.signed_out").count() == 1


def test_signing_out_by_session_ends_the_session(world: World) -> None:
    client = world.as_user(world.reader)
    assert client.post("/api/v1/auth/logout/").status_code == 204
    assert client.get("/api/v1/me/").status_code == 401


def test_an_expired_token_no_longer_signs_in(world: World) -> None:
    token = issue_token(user=world.reader)
    AuthToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    assert bearer(token.text).get("/api/v1/me/").status_code == 401


def test_a_deactivated_person_has_no_way_in(world: World) -> None:
    token, session = bearer(issue_token(user=world.reader).text), world.as_user(world.reader)
    world.reader.is_active = False
    world.reader.save()
    assert token.get("/api/v1/me/").status_code == 401
    assert session.get("/api/v1/me/").status_code == 401
    assert ask(world.reader.email, PASSWORD).status_code == 403
    page = world.anonymous.post("/accounts/login/", {"login": world.reader.email, "password": PASSWORD},
                                format="multipart")  # fmt: skip
    assert "_auth_user_id" not in world.anonymous.session
    assert page.status_code in (200, 302)


def test_beyond_the_limit_the_oldest_token_ends(world: World, settings: Settings) -> None:
    settings.REST_KNOX = settings.REST_KNOX | {"TOKEN_LIMIT_PER_USER": 2}
    tokens = [issue_token(user=world.reader).text for _ in range(3)]
    answers = [bearer(token).get("/api/v1/me/").status_code for token in tokens]
    assert answers == [401, 200, 200]


def test_an_unsafe_session_request_without_csrf_token_is_refused(world: World) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(world.reader, backend="allauth.account.auth_backends.AuthenticationBackend")
    response = client.post("/api/v1/auth/logout/")
    assert (response.status_code, response.json()["code"]) == (403, "csrf_failed")
