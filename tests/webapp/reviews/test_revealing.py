from __future__ import annotations

import pytest

from tests.webapp.conftest import World
from tests.webapp.reviews.conftest import Desk, region_ids, stored
from webapp.accounts.factories import PASSWORD
from webapp.analyses.factories import SHAPE, box_mask, finished_analysis, ready_revision
from webapp.analyses.models import Analysis, Reveal
from webapp.cohorts.models import AIPolicy, Cohort
from webapp.imaging.models import Series
from webapp.reviews.factories import COMPLETE_ANSWERS


def desk_under(world: World, series: Series, policy: AIPolicy) -> Desk:
    Cohort.objects.filter(pk=world.cohort.pk).update(ai_policy=policy)
    return Desk.begin(world.as_user(world.reader), series)


@pytest.fixture
def blind(world: World, series: Series, analysis: Analysis) -> Desk:
    return desk_under(world, series, AIPolicy.AFTER_FIRST_ANSWERS)


def test_before_the_first_answers_nothing_of_the_analysis_is_told(blind: Desk, analysis: Analysis) -> None:
    assert blind.reading["ai"] == {"policy": "after_first_answers", "shown": False}
    assert "analysis" not in blind.reading
    assert "newer_analysis" not in blind.reading
    assert str(analysis.pk) not in str(blind.reading)


@pytest.mark.parametrize("answers", [{}, {"co_rads": 4}, {"diagnosis": "CAP"}])
def test_reveal_asks_for_co_rads_and_diagnosis_first(blind: Desk, answers: dict[str, object]) -> None:
    blind.patch(answers=answers)
    refused = blind.post("reveal")
    assert (refused.status_code, refused.json()["code"]) == (409, "answers_first")
    assert not Reveal.objects.exists()


def test_reveal_keeps_the_answers_given_before_and_the_time(blind: Desk, analysis: Analysis) -> None:
    blind.patch(answers={"co_rads": 4, "diagnosis": "CAP"})
    assert blind.post("reveal").status_code == 200
    assert blind.reading["analysis"] == str(analysis.pk)
    assert blind.reading["ai"]["shown"] is True
    assert blind.reading["ai"]["shown_at"].endswith("Z")
    blind.patch(answers={"co_rads": 5})
    assert blind.reading["answers_before_ai"] == {"co_rads": 4, "diagnosis": "CAP"}
    assert Reveal.objects.count() == 1


def test_a_second_reveal_changes_nothing(blind: Desk) -> None:
    blind.patch(answers={"co_rads": 4, "diagnosis": "CAP"})
    blind.post("reveal")
    first = blind.reading
    blind.patch(answers={"co_rads": 5})
    blind.post("reveal")
    assert blind.reading["answers_before_ai"] == first["answers_before_ai"]
    assert blind.reading["ai"] == first["ai"]


def test_a_verdict_before_the_reveal_is_refused(blind: Desk, analysis: Analysis) -> None:
    refused = blind.patch(verdicts={region_ids(analysis)[0]: {"verdict": "accepted"}})
    assert (refused.status_code, refused.json()["code"]) == (400, "region_not_shown")


def test_signing_waits_for_the_reveal(blind: Desk) -> None:
    blind.patch(answers=COMPLETE_ANSWERS)
    assert [lack["code"] for lack in blind.reading["missing"]] == ["reveal"]
    assert blind.post("sign", password=PASSWORD).status_code == 409


def test_a_second_round_after_a_reveal_begins_with_ai(blind: Desk, series: Series) -> None:
    blind.patch(answers={"co_rads": 4, "diagnosis": "CAP"})
    blind.post("reveal")
    second = Desk.begin(blind.client, series, round="second")
    assert second.reading["ai"]["shown"] is True
    assert "answers_before_ai" not in second.reading


def test_a_cohort_without_ai_reveals_nothing(world: World, series: Series, analysis: Analysis) -> None:
    desk = desk_under(world, series, AIPolicy.NEVER)
    desk.patch(answers=COMPLETE_ANSWERS)
    for operation in ("reveal", "use-analysis"):
        refused = desk.post(operation)
        assert (refused.status_code, refused.json()["code"]) == (403, "ai_never")
    assert "analysis" not in desk.reading
    assert not Reveal.objects.exists()


def test_without_a_finished_analysis_there_is_nothing_to_reveal(world: World, series: Series) -> None:
    desk = desk_under(world, series, AIPolicy.AFTER_FIRST_ANSWERS)
    desk.patch(answers=COMPLETE_ANSWERS)
    assert desk.post("reveal").json()["code"] == "no_analysis"


def test_a_newer_analysis_is_offered_not_swapped_in(world: World, series: Series, analysis: Analysis) -> None:
    desk = desk_under(world, series, AIPolicy.AT_ONCE)
    newer = finished_analysis(series, {"density": [box_mask(SHAPE, (0, 0, 0, 1, 1, 1))]})
    told = desk.client.get(desk.url).json()
    assert (told["analysis"], told["newer_analysis"]) == (str(analysis.pk), str(newer.pk))
    assert desk.post("use-analysis", analysis=str(newer.pk)).status_code == 200
    assert desk.reading["analysis"] == str(newer.pk)
    assert "newer_analysis" not in desk.reading
    assert [shown["analysis"] for shown in stored(desk).analyses_shown] == [str(analysis.pk), str(newer.pk)]


def test_verdicts_go_only_when_that_is_confirmed(world: World, series: Series, analysis: Analysis) -> None:
    desk = desk_under(world, series, AIPolicy.AT_ONCE)
    desk.patch(verdicts={region_ids(analysis)[0]: {"verdict": "accepted"}})
    finished_analysis(series)
    refused = desk.post("use-analysis")
    assert (refused.status_code, refused.json()["code"]) == (409, "verdicts_exist")
    assert len(desk.client.get(desk.url).json()["verdicts"]) == 1
    assert desk.post("use-analysis", confirm=True).status_code == 200
    assert desk.reading["verdicts"] == {}


def test_an_analysis_that_came_later_is_judged_before_signing(world: World, series: Series) -> None:
    desk = desk_under(world, series, AIPolicy.AT_ONCE)
    desk.patch(answers=COMPLETE_ANSWERS)
    analysis = finished_analysis(series, {"density": [box_mask(SHAPE, (0, 0, 0, 1, 1, 1))]})
    told = desk.client.get(desk.url).json()
    assert [lack["code"] for lack in told["missing"]] == ["reveal"]
    assert told["newer_analysis"] == str(analysis.pk)
    desk.post("reveal")
    assert [lack["code"] for lack in desk.reading["missing"]] == ["verdict"]


def test_an_analysis_of_another_revision_of_the_series_does_not_fit(
    world: World, series: Series, analysis: Analysis
) -> None:
    desk = desk_under(world, series, AIPolicy.AT_ONCE)
    series.current = ready_revision(series, number=2)
    series.save()
    later = finished_analysis(series)
    refused = desk.post("use-analysis", analysis=str(later.pk))
    assert (refused.status_code, refused.json()["code"]) == (400, "analysis_unfit")
    assert "newer_analysis" not in desk.client.get(desk.url).json()


def test_an_analysis_of_a_series_elsewhere_is_not_found(world: World, series: Series) -> None:
    from webapp.analyses.factories import ready_series

    desk = desk_under(world, series, AIPolicy.AT_ONCE)
    foreign = finished_analysis(ready_series(world.other_cohort))
    assert desk.post("use-analysis", analysis=str(foreign.pk)).status_code == 404


def test_hidden_ai_cannot_be_reached_by_going_over_to_an_analysis(blind: Desk, analysis: Analysis) -> None:
    refused = blind.post("use-analysis", analysis=str(analysis.pk))
    assert (refused.status_code, refused.json()["code"]) == (403, "ai_hidden")


def test_a_new_revision_of_the_series_gets_a_reading_of_its_own(
    world: World, series: Series, analysis: Analysis
) -> None:
    desk = desk_under(world, series, AIPolicy.AT_ONCE)
    series.current = ready_revision(series, number=2)
    series.save()
    later = Desk.begin(desk.client, series)
    assert (desk.reading["series_revision"], later.reading["series_revision"]) == (1, 2)
    assert later.reading["id"] != desk.reading["id"]
