from __future__ import annotations

import pytest

from tests.webapp.conftest import World
from webapp.accounts.factories import PASSWORD
from webapp.audit.models import AuditEvent, Outcome
from webapp.audit.signin import account_key


def sign_in(world: World, email: str, password: str) -> int:
    return world.anonymous.post(
        "/accounts/login/", {"login": email, "password": password}, format="multipart"
    ).status_code


def test_a_sign_in_and_a_sign_out_are_recorded_with_address(world: World) -> None:
    assert sign_in(world, world.reader.email, PASSWORD) == 302
    world.anonymous.post("/accounts/logout/")
    rows = list(AuditEvent.objects.order_by("id").values_list("action", "actor_key", "outcome", "address"))
    key = str(world.reader.pk)
    assert rows == [
        ("account.signed_in", key, Outcome.DONE, "127.0.0.1"),
        ("account.signed_out", key, Outcome.DONE, "127.0.0.1"),
    ]


@pytest.mark.parametrize(
    ("email", "password"), [("reader@example.org", "wrong"), ("nobody@example.org", PASSWORD)]
)
def test_a_refused_sign_in_is_recorded_under_a_key_and_never_the_address_itself(
    world: World, email: str, password: str
) -> None:
    assert sign_in(world, email, password) == 200
    event = AuditEvent.objects.get()
    assert (event.action, event.outcome, event.actor_key) == ("account.signed_in", Outcome.REFUSED, "")
    assert event.details == {"account": account_key(email)}
    assert "@" not in str(event.details)
