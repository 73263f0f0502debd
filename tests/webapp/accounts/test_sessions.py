from __future__ import annotations

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from tests.webapp.conftest import World
from webapp.accounts import sessions
from webapp.accounts.factories import PASSWORD
from webapp.audit.models import AuditEvent

MINUTES = 60
HOURS = 3600


@pytest.fixture
def after(world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], int]:
    """Ask who is signed in, some seconds after the sign-in; the status code tells."""
    client: APIClient = world.as_user(world.reader)
    start = sessions.time.time()

    def ask(seconds: float) -> int:
        monkeypatch.setattr(sessions.time, "time", lambda: start + seconds)
        return client.get("/api/v1/me/").status_code

    return ask


def test_a_session_ends_after_half_an_hour_without_a_request(after: Callable[[float], int]) -> None:
    assert after(29 * MINUTES) == 200
    assert after(29 * MINUTES + 31 * MINUTES) == 401


def test_requests_keep_a_session_alive_but_not_longer_than_twelve_hours(
    after: Callable[[float], int],
) -> None:
    answers = [after(n * 20 * MINUTES) for n in range(1, 36)]
    assert answers == [200] * 35
    assert after(12 * HOURS - 60) == 200
    assert after(12 * HOURS + 60) == 401


def test_a_session_that_ran_out_stays_ended_and_is_recorded(after: Callable[[float], int]) -> None:
    after(40 * MINUTES)
    assert after(1) == 401
    assert AuditEvent.objects.filter(action="account.signed_out").count() == 1


def test_a_page_sends_an_ended_session_to_sign_in(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    client = world.as_user(world.administrator)
    late = sessions.time.time() + 40 * MINUTES
    monkeypatch.setattr(sessions.time, "time", lambda: late)
    response = client.get("/manage/users/")
    assert (response.status_code, response["Location"]) == (302, "/accounts/login/?next=/manage/users/")


@pytest.mark.parametrize("address", ["signup/", "email/", "password/reset/", "password/set/"])
def test_nobody_signs_up_or_changes_addresses_by_themselves(world: World, address: str) -> None:
    assert world.anonymous.get(f"/accounts/{address}").status_code == 404


def test_a_person_changes_their_own_password_and_other_sessions_end(world: World) -> None:
    mine, other = world.as_user(world.reader), world.as_user(world.reader)
    body = {"oldpassword": PASSWORD, "password1": "a new long password", "password2": "a new long password"}
    assert mine.post("/accounts/password/change/", body, format="multipart").status_code == 302
    world.reader.refresh_from_db()
    assert world.reader.check_password("a new long password")
    assert mine.get("/api/v1/me/").status_code == 200
    assert other.get("/api/v1/me/").status_code == 401


@pytest.mark.parametrize("weak", ["short", "password1234", "reader@example.org"])
def test_weak_passwords_are_refused(world: World, weak: str) -> None:
    client = world.as_user(world.reader)
    body = {"oldpassword": PASSWORD, "password1": weak, "password2": weak}
    assert client.post("/accounts/password/change/", body, format="multipart").status_code == 200
    world.reader.refresh_from_db()
    assert world.reader.check_password(PASSWORD)
