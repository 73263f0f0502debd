from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.webapp.conftest import ROLES, World
from webapp.analyses.factories import ready_series
from webapp.audit.models import AuditEvent
from webapp.cohorts.factories import MembershipFactory
from webapp.cohorts.models import Role
from webapp.imaging.models import Series, SeriesState

CONTEXT = re.compile(rb'<script id="viewer-context" type="application/json">(.*?)</script>', re.DOTALL)


def context(response: Any) -> dict[str, Any]:
    found = CONTEXT.search(response.content)
    assert found
    told: dict[str, Any] = json.loads(found[1])
    return told


@pytest.mark.parametrize("role", ROLES)
def test_who_opens_a_study_and_who_does_not_learn_that_it_exists(world: World, role: str) -> None:
    series = ready_series(world.cohort)
    response = world.as_role(role).get(f"/series/{series.pk}/")
    if role == "anonymous":
        assert response.status_code == 302
        assert response["Location"].startswith("/accounts/login/")
    else:
        assert response.status_code == (404 if role == "stranger" else 200)
    opened = AuditEvent.objects.filter(action="study.opened")
    assert opened.count() == (response.status_code == 200)


def test_the_viewer_gets_what_it_begins_with(world: World) -> None:
    series = ready_series(world.cohort)
    told = context(world.as_user(world.reader).get(f"/series/{series.pk}/"))
    assert told["series"] == str(series.pk)
    assert told["me"]["id"] == str(world.reader.pk)
    assert told["cohort"] == {
        "slug": "north", "name": "Cohort North", "ai_policy": "at_once", "may_read": True
    }  # fmt: skip
    assert told["urls"]["readings"] == f"/api/v1/series/{series.pk}/readings/"
    assert not {"previous", "next"} & told.keys()


@pytest.mark.parametrize(("role", "may_read"), [("viewer", False), ("data_manager", False), ("lead", True)])
def test_the_viewer_knows_who_may_read(world: World, role: str, may_read: bool) -> None:
    series = ready_series(world.cohort)
    assert context(world.as_role(role).get(f"/series/{series.pk}/"))["cohort"]["may_read"] is may_read


def test_the_way_leads_through_the_users_own_series_newest_first(world: World) -> None:
    oldest, foreign, middle, broken, newest = (
        ready_series(cohort)
        for cohort in (world.cohort, world.other_cohort, world.cohort, world.cohort, world.cohort)
    )
    Series.objects.filter(pk=broken.pk).update(state=SeriesState.UNUSABLE)
    client = world.as_user(world.reader)
    told = context(client.get(f"/series/{middle.pk}/"))
    assert told["previous"]["series"] == str(newest.pk)
    assert told["next"] == {"series": str(oldest.pk), "url": f"/series/{oldest.pk}/"}
    assert "next" not in context(client.get(f"/series/{oldest.pk}/"))
    assert "previous" not in context(client.get(f"/series/{newest.pk}/"))
    assert str(foreign.pk) not in str(told)


def test_a_cohort_in_which_the_user_reads_goes_before_one_they_only_view(world: World) -> None:
    series = ready_series(world.other_cohort)
    series.study.cohorts.add(world.cohort)
    MembershipFactory(cohort=world.other_cohort, user=world.reader, role=Role.VIEWER)
    assert context(world.as_user(world.reader).get(f"/series/{series.pk}/"))["cohort"]["slug"] == "north"


def test_no_name_and_no_hospital_id_of_the_patient_is_in_the_page(world: World) -> None:
    series = ready_series(world.cohort, name="Secret^Name", patient_id="ID-SECRET")
    page = world.as_user(world.reader).get(f"/series/{series.pk}/").content.decode()
    assert "secret" not in page.lower()
    assert "Research use only. Not a medical device." in page
