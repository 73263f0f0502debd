"""One analysis from stored stream to stored results, in this process."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from diagnosis import pipeline
from diagnosis.geometry import RefusedInput
from diagnosis.pipeline import load_system
from diagnosis.results import SystemResult
from diagnosis.systems.interface import Case, Progress
from diagnosis.weight_files import NO_WEIGHTS
from gpu_worker import boundary
from gpu_worker.analysing import analyse, prepare
from gpu_worker.kinds import Limits, limits
from tests.phantoms import WITHOUT_NETWORKS, chest_phantom
from webapp.analyses.factories import ready_series
from webapp.analyses.models import ANALYSES, Analysis, HeatmapPreview
from webapp.cohorts.factories import CohortFactory
from webapp.core import work
from webapp.core.errors import RetryableError
from webapp.core.models import Blob, WorkState
from webapp.imaging.models import SeriesRevision

pytestmark = pytest.mark.django_db


def test_it_measures_the_stored_volume_and_tells_its_stages() -> None:
    phantom = chest_phantom(slices=40)
    series = ready_series(CohortFactory(), volume=phantom.volume)
    Analysis.objects.create(revision=series.current, systems=["density"], options=WITHOUT_NETWORKS)
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


@pytest.mark.parametrize("fails", [False, True])
def test_a_heatmap_is_seen_while_it_is_made_and_then_no_more(
    fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The density system stands for one that shows its map while it is made."""
    phantom = chest_phantom(slices=20, size=48)
    series = ready_series(CohortFactory(), volume=phantom.volume)
    Analysis.objects.create(revision=series.current, systems=["density"], options=WITHOUT_NETWORKS)
    row = work.claim(Analysis, "test")
    assert row is not None
    system, seen = load_system("density"), []

    def run(case: Case, options: Mapping[str, str], progress: Progress) -> SystemResult:
        result = system.run(case, options, progress)
        case.show(result.heatmaps[0], 0.5)
        seen.extend(HeatmapPreview.objects.filter(analysis=row).values_list("system", "done"))
        if fails:
            raise RefusedInput("no_answer", "It gave no answer.")
        return result

    monkeypatch.setattr(pipeline, "load_system", lambda name: SimpleNamespace(run=run))
    boundary.run(row, analyse)
    row.refresh_from_db()
    assert seen == [("density", 0.5)]
    assert row.state == (WorkState.FAILED if fails else WorkState.SUCCEEDED)
    assert not HeatmapPreview.objects.exists()


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (lambda: torch.empty(1 << 48), "memory_limit"),
        (lambda: torch.zeros(2) @ torch.zeros(3), "our_fault"),
    ],
    ids=["out of memory", "a bug"],
)
def test_memory_that_runs_out_in_torch_ends_in_words(
    fault: Callable[[], object], code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    series = ready_series(CohortFactory(), volume=chest_phantom(slices=12, size=32).volume)
    Analysis.objects.create(revision=series.current, systems=["density"])
    row = work.claim(Analysis, "test")
    assert row is not None
    monkeypatch.setattr("gpu_worker.analysing.pipeline.analyse", lambda *given: fault())
    boundary.run(row, analyse)
    row.refresh_from_db()
    assert (row.state, row.error_code) == (WorkState.FAILED, code)


def test_the_child_sets_the_threads_of_torch_once(settings: Any) -> None:
    before = torch.get_num_threads()
    try:
        settings.LUNGSIGHT_TORCH_THREADS = 1
        prepare()
        assert torch.get_num_threads() == 1
        settings.LUNGSIGHT_TORCH_THREADS = 0
        prepare()
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(("given", "limit"), [(0, None), (9000, 9000)])
def test_the_limits_of_an_analysis_are_settings(given: int, limit: int | None, settings: Any) -> None:
    settings.LUNGSIGHT_JOB_MEMORY_MB = given
    settings.LUNGSIGHT_JOB_SECONDS = 77
    assert limits(ANALYSES) == Limits(77, limit)


def test_weights_that_cannot_be_used_are_named_when_the_child_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "lesions.safetensors").write_bytes(b"these are no weights")
    monkeypatch.setenv("LUNGSIGHT_WEIGHTS", str(tmp_path))
    with caplog.at_level(logging.INFO):
        prepare()
    errors = [line.getMessage() for line in caplog.records if line.levelno == logging.ERROR]
    assert len(errors) == 1
    assert errors[0].startswith("lesions: ")


def test_a_child_without_weights_analyses_by_rules_and_never_imports_torch() -> None:
    code = (
        "import sys, django; django.setup();"
        "from gpu_worker.analysing import pipeline, prepare;"
        "from tests.phantoms import chest_phantom;"
        "prepare();"
        "pipeline.analyse(chest_phantom(slices=12, size=48).volume, ['density'], {}, lambda *told: None);"
        "sys.exit('torch' in sys.modules)"
    )
    environment = {**os.environ, "LUNGSIGHT_WEIGHTS": NO_WEIGHTS}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
