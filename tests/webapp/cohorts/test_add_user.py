from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from tests.webapp.conftest import World
from webapp.accounts.models import User
from webapp.cohorts.models import Cohort


def add_user(*arguments: str) -> dict[str, str]:
    out = StringIO()
    call_command("add_user", *arguments, stdout=out)
    return dict(line.split(": ", 1) for line in out.getvalue().splitlines())


@pytest.mark.parametrize("role", ["reader", "viewer", "lead", "data_manager"])
def test_a_person_gets_the_role_in_the_named_cohort_and_its_hospital(world: World, role: str) -> None:
    printed = add_user("New@Example.org", "--role", role, "--cohort", "south")
    user = User.objects.get(email="new@example.org")
    assert set(printed) == {"password"}
    assert user.check_password(printed["password"])
    assert user.hospital == world.south
    assert list(user.memberships.values_list("cohort__slug", "role")) == [("south", role)]


def test_the_printed_token_signs_in(world: World) -> None:
    printed = add_user("new@example.org", "--role", "reader", "--cohort", "north", "--token")
    assert list(printed) == ["password", "token"]
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {printed['token']}")
    assert client.get("/api/v1/me/").json()["cohorts"][0]["slug"] == "north"


def test_an_administrator_needs_no_cohort(world: World) -> None:
    add_user("root@example.org", "--role", "administrator")
    user = User.objects.get(email="root@example.org")
    assert user.is_administrator
    assert not user.memberships.exists()


def test_the_only_cohort_need_not_be_named(world: World) -> None:
    Cohort.objects.filter(slug="south").delete()
    add_user("new@example.org", "--role", "reader")
    assert User.objects.get(email="new@example.org").memberships.get().cohort.slug == "north"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("new@example.org", "--role", "reader"), "needs --cohort. Cohorts: north, south."),
        (("new@example.org", "--role", "reader", "--cohort", "west"), "There is no cohort west."),
        (("reader@example.org", "--role", "reader", "--cohort", "north"), "has an account already."),
        (("nonsense", "--role", "administrator"), "is not an e-mail address."),
        (("new@example.org", "--role", "king"), "invalid choice"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(
    world: World, arguments: tuple[Any, ...], sentence: str
) -> None:
    before = User.objects.count()
    with pytest.raises(CommandError, match=sentence.replace(".", r"\.")):
        add_user(*arguments)
    assert User.objects.count() == before


def test_without_any_cohort_the_error_says_so(world: World) -> None:
    Cohort.objects.all().delete()
    with pytest.raises(CommandError, match="There is no cohort yet"):
        add_user("new@example.org", "--role", "reader")
