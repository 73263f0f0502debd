"""Who gets which answer from every address of accounts, cohorts and patients."""

from __future__ import annotations

import pytest
from django.db import transaction
from rest_framework.test import APIClient

from tests.webapp.conftest import ROLES, World
from webapp.accounts.factories import UserFactory
from webapp.cohorts.models import Membership
from webapp.patients.factories import PatientFactory

ANYBODY_SIGNED_IN = [200, 200, 200, 200, 200, 200, 401]
ADMIN_LIST = [200, 403, 403, 403, 403, 403, 401]
ADMIN_OBJECT = [200, 404, 404, 404, 404, 404, 401]
MEMBERS = [200, 200, 200, 200, 200, 404, 401]
MANAGERS = [200, 403, 403, 200, 403, 404, 401]
ADMIN_PAGE = [200, 403, 403, 403, 403, 403, 302]
ADMIN_OBJECT_PAGE = [200, 404, 404, 404, 404, 404, 302]
MANAGER_PAGE = [200, 403, 403, 200, 403, 403, 302]
MANAGER_OBJECT_PAGE = [200, 403, 403, 200, 403, 404, 302]


def posted(statuses: list[int], success: int) -> list[int]:
    return [success if status == 200 else status for status in statuses]


# method, address, body, answers in the order of ROLES; {names} are filled in from the world
MATRIX: list[tuple[str, str, dict[str, object], list[int]]] = [
    ("get", "/api/v1/me/", {}, ANYBODY_SIGNED_IN),
    ("get", "/api/v1/users/", {}, ADMIN_LIST),
    ("post", "/api/v1/users/", {"email": "new@example.org"}, posted(ADMIN_LIST, 201)),
    ("get", "/api/v1/users/{user}/", {}, ADMIN_OBJECT),
    ("patch", "/api/v1/users/{user}/", {"name": "Ada"}, ADMIN_OBJECT),
    ("post", "/api/v1/users/{target}/password/", {}, ADMIN_OBJECT),
    ("get", "/api/v1/hospitals/", {}, ADMIN_LIST),
    ("post", "/api/v1/hospitals/", {"name": "Hospital East"}, posted(ADMIN_LIST, 201)),
    ("get", "/api/v1/hospitals/{hospital}/", {}, ADMIN_OBJECT),
    ("patch", "/api/v1/hospitals/{hospital}/", {"name": "Hospital East"}, ADMIN_OBJECT),
    ("get", "/api/v1/patients/", {}, ADMIN_LIST),
    ("get", "/api/v1/patients/{patient}/", {}, ADMIN_OBJECT),
    ("patch", "/api/v1/patients/{patient}/", {"sex": "F"}, ADMIN_OBJECT),
    ("get", "/api/v1/cohorts/", {}, ANYBODY_SIGNED_IN),
    ("post", "/api/v1/cohorts/", {"name": "New", "hospital": "north"}, posted(ADMIN_LIST, 201)),
    ("get", "/api/v1/cohorts/north/", {}, MEMBERS),
    ("patch", "/api/v1/cohorts/north/", {"name": "New"}, MANAGERS),
    ("patch", "/api/v1/cohorts/north/", {"guests": ["south"]}, [200, 403, 403, 403, 403, 404, 401]),
    ("post", "/api/v1/cohorts/north/members/", {"email": "colleague@example.org", "role": "viewer"},
     posted(MANAGERS, 201)),
    ("patch", "/api/v1/cohorts/north/members/{member}/", {"role": "lead"}, MANAGERS),
    ("delete", "/api/v1/cohorts/north/members/{member}/", {}, posted(MANAGERS, 204)),
    ("get", "/manage/users/", {}, ADMIN_PAGE),
    ("get", "/manage/users/new/", {}, ADMIN_PAGE),
    ("get", "/manage/users/{user}/", {}, ADMIN_OBJECT_PAGE),
    ("post", "/manage/users/{target}/active/", {"active": "no", "revision": 1},
     posted(ADMIN_OBJECT_PAGE, 302)),
    ("post", "/manage/users/{target}/password/", {}, ADMIN_OBJECT_PAGE),
    ("get", "/manage/hospitals/", {}, ADMIN_PAGE),
    ("get", "/manage/hospitals/{hospital}/", {}, ADMIN_OBJECT_PAGE),
    ("get", "/manage/patients/", {}, ADMIN_PAGE),
    ("get", "/manage/patients/{patient}/", {}, ADMIN_OBJECT_PAGE),
    ("get", "/manage/cohorts/", {}, MANAGER_PAGE),
    ("get", "/manage/cohorts/north/", {}, MANAGER_OBJECT_PAGE),
    ("post", "/manage/cohorts/north/guests/", {"revision": 1}, [302, 403, 403, 403, 403, 404, 302]),
    ("post", "/manage/cohorts/north/members/", {"email": "colleague@example.org", "role": "viewer"},
     posted(MANAGER_OBJECT_PAGE, 302)),
    ("post", "/manage/cohorts/north/members/{member}/", {"role": "lead", "revision": 1},
     posted(MANAGER_OBJECT_PAGE, 302)),
    ("post", "/manage/cohorts/north/members/{member}/remove/", {}, posted(MANAGER_OBJECT_PAGE, 302)),
]  # fmt: skip


@pytest.mark.parametrize(("method", "address", "body", "statuses"), MATRIX)
def test_each_role_gets_its_answer(
    world: World, method: str, address: str, body: dict[str, object], statuses: list[int]
) -> None:
    filled = address.format(
        user=world.reader.pk,
        target=UserFactory(email="colleague@example.org", hospital=world.north).pk,
        hospital=world.north.pk,
        patient=PatientFactory(hospital=world.north).pk,
        member=Membership.objects.get(user=world.viewer).pk,
    )
    answers = [answer(world.as_role(role), method, filled, body) for role in ROLES]
    assert dict(zip(ROLES, answers, strict=True)) == dict(zip(ROLES, statuses, strict=True))


def answer(client: APIClient, method: str, address: str, body: dict[str, object]) -> int:
    """Return the status of one request and undo what it did."""
    headers = {"HTTP_IF_MATCH": '"1"'} if method == "patch" else {}
    form = "multipart" if address.startswith("/manage/") and method == "post" else None
    with transaction.atomic():
        response = getattr(client, method)(address, body, format=form, **headers)
        transaction.set_rollback(True)
    status: int = response.status_code
    return status


@pytest.mark.parametrize(
    "address", [row[1] for row in MATRIX if row[1].startswith("/manage/") and "{" not in row[1]]
)
def test_a_page_sends_nobody_to_sign_in_and_back(world: World, address: str) -> None:
    assert world.anonymous.get(address)["Location"] == f"/accounts/login/?next={address}"


def test_a_manager_of_one_cohort_cannot_reach_a_member_of_another_through_it(world: World) -> None:
    foreign = Membership.objects.get(user=world.stranger)
    lead = world.as_user(world.lead)
    assert lead.delete(f"/api/v1/cohorts/north/members/{foreign.pk}/").status_code == 404
    assert lead.post(f"/manage/cohorts/north/members/{foreign.pk}/remove/").status_code == 404
    assert Membership.objects.filter(pk=foreign.pk).exists()
