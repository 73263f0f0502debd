from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404

from tests.webapp.conftest import World
from webapp.cohorts.models import Role
from webapp.cohorts.permissions import Action
from webapp.cohorts.selectors import cohort_for, cohorts_for, may, role_in, upload_choices

ALLOWED: dict[Action, set[str]] = {
    Action.VIEW: {"administrator", "reader", "viewer", "lead", "data_manager"},
    Action.UPLOAD: {"administrator", "reader", "lead", "data_manager"},
    Action.ANALYSE: {"administrator", "reader", "lead", "data_manager"},
    Action.READ: {"administrator", "reader", "lead"},
    Action.EXPORT: {"administrator", "lead", "data_manager"},
    Action.MANAGE: {"administrator", "lead"},
}
PEOPLE = ("administrator", "reader", "viewer", "lead", "data_manager", "stranger")


@pytest.mark.parametrize("role", PEOPLE)
@pytest.mark.parametrize("action", list(Action))
def test_each_role_may_do_exactly_what_the_table_says(world: World, role: str, action: Action) -> None:
    user, allowed = world.user(role), role in ALLOWED[action]
    assert may(user, world.cohort, action) is allowed
    assert (world.cohort in cohorts_for(user, action)) is allowed


@pytest.mark.parametrize("action", list(Action))
def test_nobody_and_deactivated_people_may_do_nothing(world: World, action: Action) -> None:
    assert not cohorts_for(AnonymousUser(), action).exists()
    for user in (world.lead, world.administrator):
        user.is_active = False
        assert not cohorts_for(user, action).exists()


def test_a_lead_of_one_cohort_is_nothing_in_another(world: World) -> None:
    assert not may(world.lead, world.other_cohort, Action.VIEW)
    assert role_in(world.lead, world.cohort) == Role.LEAD
    assert role_in(world.lead, world.other_cohort) is None
    assert role_in(world.administrator, world.cohort) is None


def test_people_may_choose_among_the_cohorts_they_upload_into(world: World) -> None:
    assert list(upload_choices(world.reader)) == [world.cohort]
    assert list(upload_choices(world.viewer)) == []
    assert set(upload_choices(world.administrator)) == {world.cohort, world.other_cohort}


def test_a_foreign_cohort_does_not_exist_and_ones_own_may_be_forbidden(world: World) -> None:
    assert cohort_for(world.reader, "north") == world.cohort
    with pytest.raises(Http404):
        cohort_for(world.stranger, "north")
    with pytest.raises(Http404):
        cohort_for(world.reader, "nowhere")
    with pytest.raises(PermissionDenied):
        cohort_for(world.reader, "north", Action.MANAGE)
