from __future__ import annotations

from typing import Any

import pytest
from axes.models import AccessAttempt
from pytest_django import Settings

from tests.webapp.conftest import World
from webapp.accounts.factories import PASSWORD

TRIES = 10


@pytest.fixture(autouse=True)
def _locked(settings: Settings) -> None:
    settings.AXES_ENABLED = True


def by_token(
    world: World, password: str, email: str = "reader@example.org", address: str = "192.0.2.1"
) -> Any:
    body = {"email": email, "password": password}
    return world.anonymous.post("/api/v1/auth/token/", body, REMOTE_ADDR=address)


def by_page(world: World, password: str) -> Any:
    body = {"login": "reader@example.org", "password": password}
    return world.anonymous.post("/accounts/login/", body, format="multipart", REMOTE_ADDR="192.0.2.1")


def test_after_ten_wrong_tries_a_token_is_refused_even_with_the_right_password(world: World) -> None:
    answers = [by_token(world, "wrong").status_code for _ in range(TRIES)]
    assert answers == [403] * (TRIES - 1) + [429]
    locked = by_token(world, PASSWORD)
    assert (locked.status_code, locked.json()["code"]) == (429, "locked_out")
    assert int(locked.headers["Retry-After"]) == 15 * 60


def test_after_ten_wrong_tries_the_sign_in_page_says_so(world: World) -> None:
    for _ in range(TRIES):
        by_page(world, "wrong")
    locked = by_page(world, PASSWORD)
    assert locked.status_code == 429
    assert "too many wrong tries" in locked.content.decode()
    assert "_auth_user_id" not in world.anonymous.session


def test_tries_on_the_page_and_for_tokens_count_together(world: World) -> None:
    for _ in range(TRIES // 2):
        by_page(world, "wrong")
        by_token(world, "wrong")
    assert by_token(world, PASSWORD).status_code == 429


def test_other_accounts_and_other_addresses_are_not_locked(world: World) -> None:
    for _ in range(TRIES):
        by_token(world, "wrong")
    assert by_token(world, PASSWORD, email=world.lead.email).status_code == 200
    assert by_token(world, PASSWORD, address="192.0.2.2").status_code == 200


def test_a_sign_in_in_time_starts_the_count_again(world: World) -> None:
    for _ in range(TRIES - 1):
        by_token(world, "wrong")
    assert by_token(world, PASSWORD).status_code == 200
    assert [by_token(world, "wrong").status_code for _ in range(TRIES - 1)] == [403] * (TRIES - 1)


def test_the_lock_keeps_neither_addresses_nor_passwords_of_people(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        by_page(world, "a secret password")
        by_token(world, "a secret password")
    kept = str(list(AccessAttempt.objects.values())) + caplog.text
    assert "reader@example.org" not in kept
    assert "a secret password" not in kept
