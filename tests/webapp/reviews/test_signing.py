from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.webapp.conftest import World
from tests.webapp.reviews.conftest import FIRST_BOX, SECOND_BOX, Desk, region_ids, stored
from webapp.accounts.factories import PASSWORD
from webapp.analyses.models import Analysis
from webapp.audit.models import AuditEvent
from webapp.cohorts.models import AIPolicy, Cohort
from webapp.imaging.models import Series
from webapp.reviews.content import content_hash
from webapp.reviews.factories import COMPLETE_ANSWERS
from webapp.reviews.models import Reading
from webapp.reviews.signals import reading_signed

pytestmark = pytest.mark.both_databases


@pytest.fixture
def desk(world: World, series: Series, analysis: Analysis) -> Desk:
    return Desk.begin(world.as_user(world.reader), series)


def complete(desk: Desk, analysis: Analysis) -> None:
    desk.patch(
        answers=COMPLETE_ANSWERS,
        verdicts={region: {"verdict": "accepted"} for region in region_ids(analysis)},
    )


def lacks(desk: Desk) -> list[tuple[str, str]]:
    return [(lack["code"], lack["target"]) for lack in desk.reading["missing"]]


def test_an_empty_reading_lacks_everything_in_the_order_of_the_form(desk: Desk, analysis: Analysis) -> None:
    first, second = region_ids(analysis)
    assert lacks(desk) == [
        ("verdict", first),
        ("verdict", second),
        ("co_rads", "co_rads"),
        *(("severity", f"severity.{lobe}") for lobe in ("RUL", "RML", "RLL", "LUL", "LLL")),
        ("diagnosis", "diagnosis"),
        ("confidence", "confidence"),
    ]
    assert desk.reading["missing"][0]["sentence"] == "R1 needs a verdict."


def test_what_is_half_done_is_named(desk: Desk, analysis: Analysis) -> None:
    first, second = region_ids(analysis)
    desk.patch(
        answers=COMPLETE_ANSWERS | {"co_rads": 6},
        verdicts={first: {"verdict": "rejected"}, second: {"verdict": "redrawn"}},
    )
    desk.post("regions")
    own = desk.reading["own_regions"][0]["id"]
    assert lacks(desk) == [("reason", first), ("mask", second), ("own_region", own), ("pcr", "pcr")]
    refused = desk.post("sign", password=PASSWORD)
    assert (refused.status_code, refused.json()["code"]) == (409, "incomplete")
    assert refused.json()["missing"] == desk.reading["missing"]
    assert stored(desk).state == "draft"


def test_an_empty_drawing_is_not_enough(desk: Desk, analysis: Analysis) -> None:
    complete(desk, analysis)
    desk.put_mask(region_ids(analysis)[0], FIRST_BOX, bytes(2 * 3 * 4 // 8))
    desk.post("regions")
    desk.put_mask(desk.reading["own_regions"][0]["id"], (0, 0, 0, 1, 1, 1), b"\x00")
    assert [code for code, _ in lacks(desk)] == ["mask", "own_region"]


def test_a_complete_reading_is_signed_and_locked(desk: Desk, analysis: Analysis) -> None:
    complete(desk, analysis)
    assert lacks(desk) == []
    assert desk.post("sign", password=PASSWORD).status_code == 200
    reading = desk.reading
    assert (reading["state"], reading["missing"]) == ("signed", [])
    assert reading["signed_at"]
    assert len(reading["content_hash"]) == 64
    refused = desk.patch(answers={"co_rads": 1})
    assert (refused.status_code, refused.json()["code"]) == (409, "signed")
    assert refused.json()["message"] == "This reading is signed and stays as it is."
    assert desk.client.get(desk.url).json() == reading


def test_the_hash_covers_answers_verdicts_and_masks(desk: Desk, analysis: Analysis) -> None:
    complete(desk, analysis)
    first, second = region_ids(analysis)
    desk.put_mask(first, FIRST_BOX, np.packbits(np.ones(24, bool)).tobytes())
    desk.post("sign", password=PASSWORD)
    reading = stored(desk)
    assert content_hash(reading) == reading.content_hash

    def hash_after(**changes: Any) -> str:
        for name, value in changes.items():
            setattr(reading, name, value)
        return content_hash(reading)

    assert hash_after(answers=reading.answers | {"co_rads": 1}) != reading.content_hash
    reading = stored(desk)
    reading.verdicts.filter(region=second).update(judgement="unsure")
    assert content_hash(stored(desk)) != reading.content_hash
    reading.verdicts.filter(region=second).update(judgement="accepted")
    assert content_hash(stored(desk)) == reading.content_hash
    mask = reading.verdicts.get(region=first).mask
    assert mask is not None
    mask.box = [0, 0, 0, 2, 3, 4]
    mask.save()
    assert content_hash(stored(desk)) != reading.content_hash


def test_a_wrong_password_signs_nothing_and_is_written_down(desk: Desk, analysis: Analysis) -> None:
    complete(desk, analysis)
    refused = desk.post("sign", password="wrong")
    assert (refused.status_code, refused.json()["code"]) == (403, "wrong_password")
    assert stored(desk).state == "draft"
    assert AuditEvent.objects.latest("id").action == "reading.wrong_password"


def test_after_ten_wrong_passwords_even_the_right_one_waits(desk: Desk, analysis: Analysis) -> None:
    complete(desk, analysis)
    for _ in range(10):
        desk.post("sign", password="wrong")
    refused = desk.post("sign", password=PASSWORD)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_tries")
    assert stored(desk).state == "draft"


def test_signing_an_old_revision_shows_both_versions(desk: Desk, analysis: Analysis) -> None:
    other_tab = Desk(desk.client, desk.reading)
    complete(desk, analysis)
    late = other_tab.post("sign", password=PASSWORD)
    assert (late.status_code, late.json()["code"]) == (409, "stale")
    assert late.json()["theirs"] == desk.reading
    assert "password" not in late.json()["yours"]


def test_without_an_analysis_no_verdict_is_needed(world: World, series: Series) -> None:
    desk = Desk.begin(world.as_user(world.reader), series)
    desk.patch(answers=COMPLETE_ANSWERS)
    assert desk.post("sign", password=PASSWORD).status_code == 200
    assert "analysis" not in desk.reading


def test_in_a_cohort_without_ai_no_verdict_is_needed(
    world: World, series: Series, analysis: Analysis
) -> None:
    Cohort.objects.update(ai_policy=AIPolicy.NEVER)
    desk = Desk.begin(world.as_user(world.reader), series)
    desk.patch(answers=COMPLETE_ANSWERS)
    assert lacks(desk) == []
    assert desk.post("sign", password=PASSWORD).status_code == 200
    assert desk.reading["ai"] == {"policy": "never", "shown": False}


def test_the_policy_at_the_signature_stays_with_the_reading(desk: Desk, analysis: Analysis) -> None:
    complete(desk, analysis)
    desk.post("sign", password=PASSWORD)
    Cohort.objects.update(ai_policy=AIPolicy.NEVER)
    assert desk.client.get(desk.url).json()["ai"]["policy"] == "at_once"


def test_what_a_listener_cannot_keep_undoes_the_signature(desk: Desk, analysis: Analysis) -> None:
    complete(desk, analysis)

    def refuse(**_: Any) -> None:
        raise RuntimeError("labels cannot be written")

    reading_signed.connect(refuse)
    try:
        assert desk.post("sign", password=PASSWORD).status_code == 500
    finally:
        reading_signed.disconnect(refuse)
    assert stored(desk).state == "draft"
    assert not AuditEvent.objects.filter(action="reading.signed").exists()


def test_addenda_are_added_to_a_signed_reading_and_leave_its_hash_alone(
    desk: Desk, analysis: Analysis
) -> None:
    complete(desk, analysis)
    desk.post("sign", password=PASSWORD)
    before = desk.reading
    assert desk.post("addenda", text="  Compare with January.  ").status_code == 200
    assert [addendum["text"] for addendum in desk.reading["addenda"]] == ["Compare with January."]
    assert desk.reading["content_hash"] == before["content_hash"]
    assert content_hash(stored(desk)) == before["content_hash"]


@pytest.mark.parametrize("text", ["", "   ", "x" * 10_001, "a\x00b"])
def test_an_addendum_is_some_text(desk: Desk, analysis: Analysis, text: str) -> None:
    complete(desk, analysis)
    desk.post("sign", password=PASSWORD)
    assert desk.post("addenda", text=text).status_code == 400
    assert Reading.objects.get().addenda.count() == 0


def test_signed_masks_can_still_be_looked_at(desk: Desk, analysis: Analysis) -> None:
    complete(desk, analysis)
    region = region_ids(analysis)[1]
    desk.put_mask(region, SECOND_BOX, b"\xfc")
    desk.post("sign", password=PASSWORD)
    assert desk.client.get(f"{desk.url}regions/{region}/mask").content == b"\xfc"
