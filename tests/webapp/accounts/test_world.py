from __future__ import annotations

import pytest
from django.conf import settings

from tests.webapp.conftest import ROLES, World
from webapp.accounts.factories import PASSWORD
from webapp.cohorts.selectors import cohorts_for
from webapp.patients.factories import PatientFactory


@pytest.mark.parametrize("role", [role for role in ROLES if role != "anonymous"])
def test_every_role_is_a_user_who_can_sign_in_and_sees_its_own_cohort(world: World, role: str) -> None:
    user = world.user(role)
    assert user.check_password(PASSWORD)
    expected = {"administrator": {"north", "south"}, "stranger": {"south"}}.get(role, {"north"})
    assert set(cohorts_for(user).values_list("slug", flat=True)) == expected


def test_two_patients_of_the_factory_belong_to_different_hospitals(world: World) -> None:
    assert PatientFactory().hospital != PatientFactory().hospital


def test_a_signed_in_client_is_known_to_the_site_and_the_anonymous_one_is_not(world: World) -> None:
    session = world.as_user(world.reader).session
    assert session["_auth_user_backend"] in settings.AUTHENTICATION_BACKENDS
    assert "_auth_user_id" not in world.anonymous.session
