"""The upload page and the report of an upload, as people see them."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

import pytest

from tests.webapp.conftest import ROLES, World
from tests.webapp.imaging.conftest import Sender, run_checks

FILES = {"holiday.jpg": b"\xff\xd8\xff\xe0 not a scan", "=cmd.txt": b"words"}


def text(html: bytes) -> str:
    """Return what a person reads."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.decode())).strip()


@pytest.fixture
def mixed(send: Sender, slices: list[Path]) -> dict[str, Any]:
    """A good series and two files that are no scans, sent in one request."""
    return send({path.name: path.read_bytes() for path in slices} | FILES)


@pytest.mark.parametrize("role", ["administrator", "reader", "lead", "data_manager"])
def test_those_who_may_upload_find_the_place_to_drop_files(role: str, world: World) -> None:
    page = world.as_role(role).get("/upload/").content.decode()
    assert 'id="drop"' in page
    assert "Cohort North" in page


def test_a_stranger_is_offered_only_their_own_cohort(world: World) -> None:
    page = world.as_user(world.stranger).get("/upload/").content.decode()
    assert "Cohort South" in page
    assert "Cohort North" not in page


def test_a_viewer_is_told_whom_to_ask(world: World) -> None:
    page = world.as_user(world.viewer).get("/upload/").content.decode()
    assert 'id="drop"' not in page
    assert "There is no cohort you may upload to" in page


def test_nobody_uploads_without_signing_in(world: World) -> None:
    response = world.anonymous.get("/upload/")
    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/")


def test_a_report_is_only_for_the_person_who_sent_it(mixed: dict[str, Any], world: World) -> None:
    for address in (f"/upload/{mixed['id']}/", f"/upload/{mixed['id']}/report.csv"):
        answers = {role: world.as_role(role).get(address).status_code for role in ROLES}
        assert answers == dict.fromkeys(ROLES, 404) | {"reader": 200, "anonymous": 302}


def test_the_report_says_what_became_of_series_and_files(mixed: dict[str, Any], send: Sender) -> None:
    run_checks()
    page = send.client.get(f"/upload/{mixed['id']}/")
    words = text(page.content)
    assert "1 ready" in words
    assert "2 files not accepted" in words
    assert "Limited" in words
    assert "Volumes are measured" in words
    assert "Not accepted" in words
    assert all(name in words for name in ("holiday.jpg", "=cmd.txt"))
    assert f'/series/{send.upload(mixed)["series"][0]}/"' in page.content.decode()
    assert 'data-settled="yes"' in page.content.decode()


def test_the_report_asks_for_patience_until_the_checks_are_done(mixed: dict[str, Any], send: Sender) -> None:
    page = send.client.get(f"/upload/{mixed['id']}/?fragment").content
    assert b'data-settled="no"' in page
    assert b"<html" not in page
    run_checks()
    assert b'data-settled="yes"' in send.client.get(f"/upload/{mixed['id']}/?fragment").content


def test_a_series_sent_twice_is_named_as_already_here(send: Sender, slices: list[Path]) -> None:
    send(slices)
    run_checks()
    again = send(slices)
    run_checks()
    words = text(send.client.get(f"/upload/{again['id']}/").content)
    assert "Already here" in words
    assert "Nothing was added." in words


def test_the_csv_has_a_row_per_file_and_no_formula(mixed: dict[str, Any], send: Sender) -> None:
    run_checks()
    response = send.client.get(f"/upload/{mixed['id']}/report.csv")
    rows = list(csv.DictReader(io.StringIO(response.content.decode())))
    assert len(rows) == 14
    by_name = {row["file"]: row for row in rows}
    assert by_name["holiday.jpg"]["outcome"] == "refused"
    assert by_name["'=cmd.txt"]["reason"]
    assert {row["notice"] for row in rows} == {"Research use only. Not a medical device."}
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


def test_a_report_of_many_files_costs_few_queries(
    send: Sender, slices: list[Path], django_assert_max_num_queries: Any
) -> None:
    upload = send(slices)
    run_checks()
    with django_assert_max_num_queries(8):
        send.client.get(f"/upload/{upload['id']}/?fragment")


def test_pages_forbid_scripts_that_are_not_ours(world: World) -> None:
    response = world.as_user(world.reader).get("/upload/")
    policy = response["Content-Security-Policy"]
    assert "script-src 'self' 'wasm-unsafe-eval'" in policy
    assert not re.search(r"<script(?![^>]*\bsrc=)", response.content.decode())
    assert " style=" not in response.content.decode()
