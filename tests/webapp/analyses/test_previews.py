"""Heatmaps while they are made: shown as far as they are, to whom results are shown, gone at the end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from diagnosis.results import Heatmap
from tests.webapp.analyses.test_permissions import SEES
from tests.webapp.conftest import World
from webapp.analyses import previews
from webapp.analyses.models import Analysis, HeatmapPreview
from webapp.analyses.previews import Previews
from webapp.analyses.services import cancel_analysis
from webapp.cohorts.models import AIPolicy
from webapp.core import work
from webapp.imaging.models import Series

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

SHAPE = (3, 4, 5)


@pytest.fixture(autouse=True)
def every_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every state, however quickly they come."""
    monkeypatch.setattr(previews, "MOST_OFTEN", 0.0)


@pytest.fixture
def running(series: Series) -> Analysis:
    """An analysis that a worker has claimed."""
    Analysis.objects.create(revision=series.current, systems=["multiscale"])
    claimed = work.claim(Analysis, "test")
    assert claimed is not None
    return claimed


def _heatmap(*slices: int) -> Heatmap:
    """A map whose given slices are made; their values are half the reference, one voxel is above it."""
    values = np.zeros(SHAPE, np.float32)
    values[list(slices)] = 2.0
    values[list(slices), 1, 2] = 9.0
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    return Heatmap("COVID-19", "joint", values, affine, reference=4.0, threshold=0.5)


def _shown(world: World, analysis: Analysis) -> Sequence[dict[str, object]]:
    answer = world.as_user(world.reader).get(f"/api/v1/analyses/{analysis.pk}/previews/")
    found: Sequence[dict[str, object]] = answer.json()["results"]
    return found


def test_a_heatmap_is_shown_as_far_as_it_is_made(world: World, running: Analysis) -> None:
    show = Previews(running)
    assert _shown(world, running) == []

    show("multiscale", _heatmap(1), 0.5)
    (half,) = _shown(world, running)
    show("multiscale", _heatmap(1, 2), 0.75)
    (more,) = _shown(world, running)

    told = {"system": "multiscale", "class": "COVID-19", "kind": "joint", "reference": 4.0, "threshold": 0.5}
    assert told.items() <= half.items()
    assert (half["done"], more["done"]) == (0.5, 0.75)
    assert half["id"] == more["id"]
    assert (more["shape"], more["affine"]) == (list(SHAPE), np.diag([2.0, 3.0, 4.0, 1.0]).tolist())
    client = world.as_user(world.reader)
    answer = client.get(str(more["url"]), headers={"Accept-Encoding": "identity"})
    values = np.frombuffer(answer.content, np.uint8).reshape(SHAPE)
    assert not values[0].any()
    assert set(np.unique(values[1:])) == {128, 255}
    assert (values[1:, 1, 2] == 255).all()


def test_a_state_is_fetched_once_and_the_next_one_anew(world: World, running: Analysis) -> None:
    show, client = Previews(running), world.as_user(world.reader)
    show("multiscale", _heatmap(1), 0.5)
    address = str(_shown(world, running)[0]["url"])
    etag = client.get(address)["ETag"]
    assert client.get(address, headers={"If-None-Match": etag}).status_code == 304
    show("multiscale", _heatmap(1, 2), 0.75)
    assert client.get(address, headers={"If-None-Match": etag}).status_code == 200


def test_states_that_follow_at_once_are_left_out(
    world: World, running: Analysis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previews, "MOST_OFTEN", 3600.0)
    show = Previews(running)
    show("multiscale", _heatmap(1), 0.5)
    show("multiscale", _heatmap(1, 2), 0.75)
    assert [one["done"] for one in _shown(world, running)] == [0.5]


@pytest.mark.parametrize(("role", "status"), SEES.items())
def test_previews_are_seen_by_members_of_the_cohort_only(
    role: str, status: int, world: World, running: Analysis
) -> None:
    Previews(running)("multiscale", _heatmap(1), 0.5)
    preview = HeatmapPreview.objects.get()
    client = world.as_role(role)
    for part in ("previews/", f"previews/{preview.pk}/data"):
        assert client.get(f"/api/v1/analyses/{running.pk}/{part}").status_code == status, part


@pytest.mark.parametrize("policy", [AIPolicy.NEVER, AIPolicy.AFTER_FIRST_ANSWERS])
def test_previews_are_hidden_as_results_are(policy: AIPolicy, world: World, running: Analysis) -> None:
    Previews(running)("multiscale", _heatmap(1), 0.5)
    preview = HeatmapPreview.objects.get()
    world.cohort.ai_policy = policy
    world.cohort.save()
    client = world.as_user(world.reader)
    for part in ("previews/", f"previews/{preview.pk}/data"):
        answer = client.get(f"/api/v1/analyses/{running.pk}/{part}")
        assert (answer.status_code, answer.json()["code"]) == (403, "ai_hidden"), part


def test_a_preview_is_found_under_its_own_analysis_only(world: World, running: Analysis) -> None:
    Previews(running)("multiscale", _heatmap(1), 0.5)
    preview = HeatmapPreview.objects.get()
    other = Analysis.objects.create(revision=running.revision, systems=["density"])
    client = world.as_user(world.reader)
    assert client.get(f"/api/v1/analyses/{other.pk}/previews/{preview.pk}/data").status_code == 404


def test_nothing_is_kept_or_shown_once_the_attempt_is_over(world: World, running: Analysis) -> None:
    show = Previews(running)
    show("multiscale", _heatmap(1), 0.5)
    address = str(_shown(world, running)[0]["url"])

    cancel_analysis(analysis=running, user=world.reader)

    assert _shown(world, running) == []
    assert world.as_user(world.reader).get(address).status_code == 404
    with pytest.raises(work.LostLease):
        show("multiscale", _heatmap(1, 2), 0.75)


def test_what_another_attempt_left_is_not_shown_and_goes_with_this_one(
    world: World, running: Analysis
) -> None:
    Previews(running)("multiscale", _heatmap(1), 0.5)
    cancel_analysis(analysis=running, user=world.reader)
    assert work.retry(running)
    second = work.claim(Analysis, "test")
    assert second is not None
    assert _shown(world, second) == []

    Previews(second).forget()

    assert not HeatmapPreview.objects.exists()
