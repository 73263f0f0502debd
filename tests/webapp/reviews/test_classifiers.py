"""What a classifier found: hidden until a reader may see it, and judged like all regions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from diagnosis.volume import CTVolume
from tests.webapp.conftest import World
from tests.webapp.crafted_results import MAPS, MEASURES, OPERATING_POINTS, PROBABILITIES, crafted, store
from tests.webapp.reviews.conftest import Desk
from webapp.analyses.factories import AFFINE, SHAPE, box_mask, finished_analysis, ready_series
from webapp.analyses.models import Analysis
from webapp.cohorts.models import AIPolicy, Cohort
from webapp.imaging.models import Series
from webapp.reviews.factories import COMPLETE_ANSWERS

SECRETS = (
    b"0.6437", b"0.3101", b"0.5123", b"0.9142", b"0.4345", b"0.9512", b"0.5948", b"0.7567", b"crafted-7",
    b"conv3", b"relevance", b"attention", b"slice_evidence", b"infected_percent_by_system",
    b"probabilities", b'operating_point"', b"predictions",
)  # fmt: skip
"""Numbers and words that only the results of the classifiers hold."""


@pytest.fixture
def series(world: World) -> Series:
    return ready_series(world.cohort)


@pytest.fixture
def analysis(series: Series) -> Analysis:
    """The results of all classifiers, in two lungs with one lesion each, as a worker stores them."""
    lungs, lesions = np.ones(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    lungs[..., SHAPE[2] // 2 :] = 2
    lesions[2:5, 2:6, 1:5] = 1
    assert series.current is not None
    return store(
        series.current, crafted(CTVolume(np.zeros(SHAPE, np.int16), np.array(AFFINE)), lungs, lesions)
    )


def addresses(series: Series, analysis: Analysis) -> list[str]:
    """Every address that could tell of the results."""
    base = f"/api/v1/analyses/{analysis.pk}/"
    maps = [f"heatmaps/{heatmap.pk}/data" for heatmap in analysis.heatmaps.all()]
    parts = ("", "regions/", "regions/labels?system=patchwise", "heatmaps/", *maps)
    one = f"/api/v1/series/{series.pk}/"
    return [
        *(f"{base}{part}" for part in parts),
        one, f"{one}analyses/", f"{one}readings/", f"/series/{series.pk}/",
        f"/api/v1/studies/{series.study_id}/", "/api/v1/worklist/", "/worklist/?state=all",
        "/worklist/rows/", "/api/v1/cohorts/north/table/", "/cohorts/north/",
        "/api/v1/cohorts/north/statistics/",
    ]  # fmt: skip


@pytest.mark.parametrize("policy", [AIPolicy.NEVER, AIPolicy.AFTER_FIRST_ANSWERS])
@pytest.mark.parametrize("role", ["reader", "lead", "viewer"])
def test_nothing_of_a_classifier_is_told_before_the_reveal(
    role: str, policy: AIPolicy, world: World, series: Series, analysis: Analysis
) -> None:
    Cohort.objects.update(ai_policy=policy)
    client = world.as_role(role)
    if role != "viewer":
        Desk.begin(client, series).patch(answers=COMPLETE_ANSWERS)
    for address in addresses(series, analysis):
        answer = client.get(address)
        told = b"".join(answer.streaming_content) if answer.streaming else answer.content
        assert answer.status_code in (200, 403), address
        for secret in SECRETS:
            assert secret not in told, (address, secret)
    for heatmap in analysis.heatmaps.all():
        answer = client.get(f"/api/v1/analyses/{analysis.pk}/heatmaps/{heatmap.pk}/data")
        assert (answer.status_code, answer.json()["code"]) == (403, "ai_hidden")


def test_a_leads_export_before_the_reveal_has_empty_cells(
    world: World, series: Series, analysis: Analysis
) -> None:
    Cohort.objects.update(ai_policy=AIPolicy.AFTER_FIRST_ANSWERS)
    answer = world.as_user(world.lead).get("/api/v1/cohorts/north/export.csv")
    rows = b"".join(answer.streaming_content)
    for secret in SECRETS[:9]:
        assert secret not in rows, secret


def test_after_the_reveal_the_reader_sees_it_and_a_colleague_does_not(
    world: World, series: Series, analysis: Analysis
) -> None:
    Cohort.objects.update(ai_policy=AIPolicy.AFTER_FIRST_ANSWERS)
    desk = Desk.begin(world.as_user(world.reader), series)
    desk.patch(answers=COMPLETE_ANSWERS)
    assert desk.post("reveal").status_code == 200
    told = desk.client.get(f"/api/v1/analyses/{analysis.pk}/").json()["results"]["systems"]
    assert {name: said["probabilities"] for name, said in told.items()} == PROBABILITIES
    assert {name: said["operating_points"] for name, said in told.items()} == OPERATING_POINTS
    assert {name for name, said in told.items() if "quantification" in said} == set(MEASURES)
    maps = desk.client.get(f"/api/v1/analyses/{analysis.pk}/heatmaps/").json()["results"]
    assert {(one["system"], (one["class"], one["kind"])) for one in maps} == {
        (name, key) for name, kinds in MAPS.items() for key in kinds
    }
    assert all(desk.client.get(one["url"]).status_code == 200 for one in maps)
    (row,) = desk.client.get("/api/v1/worklist/").json()["results"]
    assert [(said["probability"], said["positive"]) for said in row["predictions"]] == [
        (0.6437, True), (0.9142, True), (0.5658, True),
    ]  # fmt: skip
    lead = world.as_user(world.lead)
    assert "results" not in lead.get(f"/api/v1/analyses/{analysis.pk}/").json()
    assert "predictions" not in lead.get("/api/v1/worklist/").json()["results"][0]


def test_regions_of_a_classifier_are_judged_before_signing_like_all_others(
    world: World, series: Series
) -> None:
    masks = [box_mask(SHAPE, (1, 2, 3, 3, 5, 7))]
    analysis = finished_analysis(series, {"density": masks, "decovnet": masks, "lesions": masks})
    desk = Desk.begin(world.as_user(world.reader), series)
    desk.patch(answers=COMPLETE_ANSWERS)
    assert [lack["sentence"] for lack in desk.reading["missing"]] == [
        "DeCoVNet R1 needs a verdict.", "Density R1 needs a verdict.", "S1 needs a verdict.",
    ]  # fmt: skip
    given: dict[str, Any] = {str(region.pk): {"verdict": "accepted"} for region in analysis.regions.all()}
    desk.patch(verdicts=given)
    assert desk.reading["missing"] == []


def test_one_system_that_counts_its_regions_needs_no_name(world: World, series: Series) -> None:
    masks = [box_mask(SHAPE, (1, 2, 3, 3, 5, 7))]
    finished_analysis(series, {"decovnet": masks, "lesions": masks})
    desk = Desk.begin(world.as_user(world.reader), series)
    desk.patch(answers=COMPLETE_ANSWERS)
    assert [lack["sentence"] for lack in desk.reading["missing"]] == [
        "R1 needs a verdict.",
        "S1 needs a verdict.",
    ]
