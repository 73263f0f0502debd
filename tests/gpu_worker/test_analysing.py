"""One analysis from stored stream to stored results, in this process."""

from __future__ import annotations

import pytest

from gpu_worker.analysing import analyse
from tests.phantoms import chest_phantom
from webapp.analyses.factories import ready_series
from webapp.analyses.models import Analysis
from webapp.cohorts.factories import CohortFactory
from webapp.core import work
from webapp.core.errors import RetryableError
from webapp.core.models import Blob, WorkState
from webapp.imaging.models import SeriesRevision

pytestmark = pytest.mark.django_db


def test_it_measures_the_stored_volume_and_tells_its_stages() -> None:
    phantom = chest_phantom(slices=40)
    series = ready_series(CohortFactory(), volume=phantom.volume)
    Analysis.objects.create(revision=series.current, systems=["density"])
    row = work.claim(Analysis, "test")
    assert row is not None
    told: list[tuple[str, float]] = []
    analyse(row, lambda stage, progress: told.append((stage, progress)))
    row.refresh_from_db()
    assert row.state == WorkState.SUCCEEDED
    assert row.infected_percent == pytest.approx(phantom.infected_percent, abs=2.5)
    stages = list(dict.fromkeys(stage for stage, _ in told))
    assert stages == ["Loading the volume", "Finding the lungs", "Density", "Measuring", "Saving"]
    progress = [part for _, part in told]
    assert progress == sorted(progress)
    assert row.regions.exists()


def test_a_store_that_does_not_give_the_volume_is_tried_again() -> None:
    series = ready_series(CohortFactory(), volume=chest_phantom(slices=12, size=32).volume)
    missing = Blob.objects.create(sha256="0" * 64, size=1)
    SeriesRevision.objects.filter(series=series).update(volume_zstd=missing)
    Analysis.objects.create(revision=series.current, systems=["density"])
    row = work.claim(Analysis, "test")
    assert row is not None
    with pytest.raises(RetryableError):
        analyse(row, lambda stage, progress: None)
