from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.test import RequestFactory
from rest_framework.request import Request

from tests.webapp.conftest import World
from webapp.accounts.factories import HospitalFactory
from webapp.core.banner import banner
from webapp.core.errors import UserError
from webapp.core.preconditions import based_on, stale


def request(**headers: str) -> Request:
    return Request(RequestFactory().get("/", headers=headers))


@pytest.mark.parametrize("value", ["3", '"3"', 'W/"3"', ' "3" '])
def test_a_revision_is_read_from_if_match_quoted_or_plain(value: str) -> None:
    assert based_on(request(if_match=value)) == 3


@pytest.mark.parametrize("value", ["", "*", '"3", "4"', "three", "-1", "3.0", "9" * 30])
def test_without_one_readable_revision_the_change_is_refused(value: str) -> None:
    with pytest.raises(UserError) as refused:
        based_on(request(if_match=value) if value else request())
    assert (refused.value.code, refused.value.status) == ("revision_missing", 428)


def test_a_stale_change_shows_both_versions() -> None:
    error = stale({"name": "Mine"}, {"name": "Theirs", "revision": 4})
    assert (error.code, error.status) == ("stale", 409)
    assert error.details == {"yours": {"name": "Mine"}, "theirs": {"name": "Theirs", "revision": 4}}
    assert "revision 4" in error.message


@pytest.mark.parametrize(("asked", "shown"), [("", 50), ("?page_size=3", 3), ("?page_size=9999", 200)])
def test_lists_come_in_pages_of_a_size_with_a_limit(world: World, asked: str, shown: int) -> None:
    HospitalFactory.create_batch(210)
    listed = world.as_user(world.administrator).get(f"/api/v1/hospitals/{asked}").json()
    assert set(listed) == {"results", "next", "count"}
    assert (len(listed["results"]), listed["count"]) == (shown, 212)


def test_a_page_beyond_the_last_is_404_in_words(world: World) -> None:
    response = world.as_user(world.administrator).get("/api/v1/hospitals/?page=99")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


@pytest.mark.django_db
def test_every_page_is_told_the_research_line_and_the_demo_banner_on_sqlite_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = {}
    for vendor in ("postgresql", "sqlite"):
        monkeypatch.setattr("webapp.core.banner.connection", SimpleNamespace(vendor=vendor))
        shown[vendor] = banner(RequestFactory().get("/"))
    assert shown["postgresql"]["demo_banner"] == ""
    assert "SQLite" in shown["sqlite"]["demo_banner"]
    assert shown["sqlite"]["research_use"] == "Research use only. Not a medical device."


@pytest.mark.parametrize("role", ["reader", "anonymous"])
def test_a_refused_page_keeps_the_frame_of_the_site(world: World, role: str) -> None:
    response = world.as_role(role).get("/nowhere/")
    page = response.content.decode()
    assert response.status_code == 404
    assert "There is nothing here that you may see." in page
    assert "Research use only. Not a medical device." in page
    assert "Reference" in page
