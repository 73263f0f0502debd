"""Who may do what: every role at every endpoint, and no hint to strangers that a thing exists."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.webapp.conftest import ROLES, World
from tests.webapp.imaging.conftest import UPLOADS, Sender, run_checks
from webapp.cohorts.models import Membership
from webapp.imaging.models import Series, SeriesRevision, SeriesState, Upload

UNKNOWN = str(uuid.uuid4())
ANONYMOUS = (401, 403)

SEES = dict.fromkeys(ROLES, 200) | {"stranger": 404, "anonymous": ANONYMOUS}
OWN = dict.fromkeys(ROLES, 404) | {"reader": 200, "anonymous": ANONYMOUS}
SENDS = dict.fromkeys(ROLES, 202) | {"viewer": 403, "stranger": 404, "anonymous": ANONYMOUS}
ANALYSES = dict.fromkeys(ROLES, 200) | {"viewer": 403, "stranger": 404, "anonymous": ANONYMOUS}


@pytest.fixture
def things(send: Sender, slices: list[Path]) -> dict[str, str]:
    """What the reader of cohort north has sent: paths of the API by name."""
    upload = send(slices)
    open_upload = send(slices[:1], more="1")
    run_checks()
    (study,), (series,) = upload["studies"], upload["series"]
    return {
        "upload": f"{UPLOADS}{upload['id']}/",
        "files": f"{UPLOADS}{open_upload['id']}/files/",
        "complete": f"{UPLOADS}{open_upload['id']}/complete/",
        "study": f"/api/v1/studies/{study}/",
        "series": f"/api/v1/series/{series}/",
        "volume": f"/api/v1/series/{series}/volume",
        "override": f"/api/v1/series/{series}/override/",
    }


@pytest.mark.parametrize(
    ("name", "table"),
    [("upload", OWN), ("study", SEES), ("series", SEES), ("volume", SEES)],
)
def test_reading(name: str, table: dict[str, Any], things: dict[str, str], world: World) -> None:
    for role in ROLES:
        answer = world.as_role(role).get(things[name])
        if answer.streaming:
            assert b"".join(answer.streaming_content)  # type: ignore[arg-type]
        _expect(answer.status_code, table[role], role)


@pytest.mark.parametrize("role", ROLES)
def test_sending_into_the_cohort(role: str, slices: list[Path], world: World) -> None:
    answer = Sender(world.as_role(role)).post(slices[:1], cohort="north")
    _expect(answer.status_code, SENDS[role], role)
    assert Upload.objects.exists() == (answer.status_code == 202)


@pytest.mark.parametrize("role", ROLES)
def test_adding_to_an_upload_and_completing_it(
    role: str, things: dict[str, str], slices: list[Path], world: World
) -> None:
    expected: Any = {200: 202}.get(OWN[role], OWN[role])
    _expect(
        Sender(world.as_role(role)).post(slices[:1], things["files"], more="1").status_code, expected, role
    )
    _expect(world.as_role(role).post(things["complete"]).status_code, expected, role)


@pytest.mark.parametrize("role", ROLES)
def test_overruling_the_geometry(role: str, things: dict[str, str], world: World) -> None:
    Series.objects.update(state=SeriesState.UNUSABLE)
    answer = world.as_role(role).post(things["override"], {"reason": "Checked by eye"})
    _expect(answer.status_code, ANALYSES[role], role)
    assert Series.objects.get().state == ("ready" if answer.status_code == 200 else "unusable")


def test_a_foreign_thing_answers_like_one_that_does_not_exist(
    things: dict[str, str], slices: list[Path], world: World
) -> None:
    stranger = world.as_user(world.stranger)
    for name, path in things.items():
        unknown = path.replace(path.split("/")[4], UNKNOWN)
        answers = []
        for one in (path, unknown):
            if name in ("files", "complete", "override"):
                answer = stranger.post(one, {"reason": "x"}, format="json")
            else:
                answer = stranger.get(one)
            body = answer.json()
            body.pop("reference")
            answers.append((answer.status_code, body))
        assert answers[0] == answers[1], name
        assert answers[0][0] == 404, name
    sent = [Sender(stranger).post(slices[:1], cohort=slug).status_code for slug in ("north", "none")]
    assert sent == [404, 404]


def test_lists_hold_nothing_of_others(things: dict[str, str], world: World) -> None:
    stranger = world.as_user(world.stranger)
    assert stranger.get("/api/v1/studies/").json()["results"] == []
    assert stranger.get("/api/v1/studies/?cohort=north").json()["results"] == []
    assert stranger.get(UPLOADS).json()["results"] == []
    for path in ("/api/v1/studies/", UPLOADS):
        assert world.anonymous.get(path).status_code in ANONYMOUS


def test_who_left_the_cohort_sees_nothing_any_more(
    things: dict[str, str], send: Sender, world: World
) -> None:
    Membership.objects.filter(user=world.reader).delete()
    for name in ("upload", "study", "series", "volume"):
        assert send.client.get(things[name]).status_code == 404, name
    assert send.client.get("/api/v1/studies/").json()["results"] == []


def test_what_another_hospital_holds_is_never_mentioned(
    send: Sender, slices: list[Path], world: World
) -> None:
    send(slices)
    changed = bytearray(slices[0].read_bytes())
    changed[-1] ^= 1
    upload = Sender(world.as_user(world.stranger))(
        {"same.dcm": slices[1].read_bytes(), "other.dcm": bytes(changed)}
    )
    assert [file["outcome"] for file in upload["files"]] == ["accepted", "accepted"]
    assert Series.objects.count() == 2
    run_checks()
    assert SeriesRevision.objects.values("series").distinct().count() == 2


def _expect(status: int, expected: Any, role: str) -> None:
    assert status in (expected if isinstance(expected, tuple) else (expected,)), role
