"""Who may see, start, stop and repeat analyses; foreign ones do not exist."""

from __future__ import annotations

import uuid

import pytest

from tests.webapp.analyses.conftest import Read
from tests.webapp.conftest import World
from webapp.analyses.models import Analysis
from webapp.analyses.visibility import reveal
from webapp.cohorts.models import AIPolicy
from webapp.imaging.models import Series

pytestmark = pytest.mark.django_db

SEES = {"administrator": 200, "reader": 200, "viewer": 200, "lead": 200, "data_manager": 200,
        "stranger": 404, "anonymous": 401}  # fmt: skip
DOES = {"administrator": 202, "reader": 202, "viewer": 403, "lead": 202, "data_manager": 202,
        "stranger": 404, "anonymous": 401}  # fmt: skip
READS = (
    "", "regions/", "regions/labels", "heatmaps/", "segmentations/lungs",
)  # fmt: skip


@pytest.mark.parametrize(("role", "status"), SEES.items())
def test_an_analysis_is_seen_by_members_of_its_cohort_only(
    role: str, status: int, world: World, analysed: Read
) -> None:
    client = world.as_role(role)
    for part in READS:
        answer = client.get(f"/api/v1/analyses/{analysed.analysis.pk}/{part}")
        assert answer.status_code == status, part
    heatmap = analysed.analysis.heatmaps.get()
    answer = client.get(f"/api/v1/analyses/{analysed.analysis.pk}/heatmaps/{heatmap.pk}/data")
    assert answer.status_code == status


@pytest.mark.parametrize(("role", "status"), DOES.items())
def test_an_analysis_is_started_stopped_and_repeated_by_roles_that_may(
    role: str, status: int, world: World, series: Series
) -> None:
    client = world.as_role(role)
    body = {"systems": ["density"]}
    answer = client.post(f"/api/v1/series/{series.pk}/analyses/", body, format="json")
    assert answer.status_code == status
    analysis = Analysis.objects.filter(revision__series=series).first() or Analysis.objects.create(
        revision=series.current, systems=["density"]
    )
    expected = 200 if status == 202 else status
    assert client.post(f"/api/v1/analyses/{analysis.pk}/cancel/").status_code == expected
    Analysis.objects.filter(pk=analysis.pk).update(state="cancelled")
    assert client.post(f"/api/v1/analyses/{analysis.pk}/retry/").status_code == expected


def test_a_heatmap_is_found_under_its_own_analysis_only(world: World, analysed: Read) -> None:
    other = Analysis.objects.create(revision=analysed.series.current, systems=["density"])
    heatmap = analysed.analysis.heatmaps.get()
    client = world.as_user(world.reader)
    assert client.get(f"/api/v1/analyses/{other.pk}/heatmaps/{heatmap.pk}/data").status_code == 404
    assert client.get(f"/api/v1/analyses/{uuid.uuid4()}/").status_code == 404


@pytest.mark.parametrize("policy", [AIPolicy.NEVER, AIPolicy.AFTER_FIRST_ANSWERS])
def test_hidden_results_are_absent_everywhere(policy: AIPolicy, world: World, analysed: Read) -> None:
    world.cohort.ai_policy = policy
    world.cohort.save()
    client = world.as_user(world.reader)
    told = client.get(f"/api/v1/analyses/{analysed.analysis.pk}/").json()
    assert told["hidden"] is True
    assert "results" not in told
    assert "infected" not in str(told)
    heatmap = analysed.analysis.heatmaps.get()
    for part in (*READS[1:], f"heatmaps/{heatmap.pk}/data"):
        answer = client.get(f"/api/v1/analyses/{analysed.analysis.pk}/{part}")
        assert (answer.status_code, answer.json()["code"]) == (403, "ai_hidden"), part
    listed = client.get(f"/api/v1/series/{analysed.series.pk}/analyses/").content
    series = client.get(f"/api/v1/series/{analysed.series.pk}/").content
    for content in (listed, series):
        assert b"infected" not in content
        assert b'results":{' not in content


def test_after_a_reveal_the_reader_sees_results_and_another_reader_does_not(
    world: World, analysed: Read
) -> None:
    world.cohort.ai_policy = AIPolicy.AFTER_FIRST_ANSWERS
    world.cohort.save()
    reveal(reader=world.reader, series=analysed.series)
    address = f"/api/v1/analyses/{analysed.analysis.pk}/"
    assert "results" in world.as_user(world.reader).get(address).json()
    assert "results" not in world.as_user(world.lead).get(address).json()


def test_never_means_never_even_after_a_reveal(world: World, analysed: Read) -> None:
    world.cohort.ai_policy = AIPolicy.NEVER
    world.cohort.save()
    reveal(reader=world.reader, series=analysed.series)
    told = world.as_user(world.reader).get(f"/api/v1/analyses/{analysed.analysis.pk}/").json()
    assert told["hidden"] is True
