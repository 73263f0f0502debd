"""A measured phantom in cohort north, analysed by the real systems."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from diagnosis import pipeline
from diagnosis.results import Analysis as Found
from tests.phantoms import WITHOUT_NETWORKS, ChestPhantom, chest_phantom
from tests.webapp.conftest import World
from webapp.analyses.factories import ready_series
from webapp.analyses.models import Analysis
from webapp.analyses.storing import store_results
from webapp.core import work
from webapp.imaging.models import Series


@dataclass(frozen=True)
class Read:
    """A series, its phantom, and its finished analysis."""

    phantom: ChestPhantom
    series: Series
    analysis: Analysis


@pytest.fixture(scope="session")
def phantom() -> ChestPhantom:
    return chest_phantom()


@pytest.fixture
def series(world: World, phantom: ChestPhantom) -> Series:
    """A checked series of cohort north that nobody has analysed."""
    return ready_series(world.cohort, volume=phantom.volume)


@pytest.fixture(scope="session")
def found(phantom: ChestPhantom) -> Found:
    """What the density system finds in the phantom."""
    return pipeline.analyse(phantom.volume, ["density"], WITHOUT_NETWORKS, lambda stage, part: None)


@pytest.fixture
def analysed(series: Series, phantom: ChestPhantom, found: Found) -> Read:
    """The phantom with the results of the density system, as a worker stores them."""
    Analysis.objects.create(revision=series.current, systems=["density"])
    claimed = work.claim(Analysis, "test")
    assert claimed is not None
    store_results(analysis=claimed, found=found, document=pipeline.analysis_json(found, {"grade": "full"}))
    claimed.refresh_from_db()
    return Read(phantom, series, claimed)
