"""When will it be done? Place in the queue, and time left from past runs on volumes of similar size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from statistics import median
from typing import Any
from uuid import UUID

from webapp.analyses.models import Analysis
from webapp.core.models import WorkState

PAST_RUNS = 20


class Outlook:
    """Answers for many analyses of one request; each question to the database is asked once."""

    def __init__(self) -> None:
        self._seconds_per_voxel: dict[tuple[str, ...], float | None] = {}
        self._positions: dict[UUID, int] | None = None

    def queue_position(self, analysis: Analysis) -> int | None:
        """Return 1 for the analysis that is taken next; None when it does not wait."""
        if analysis.state != WorkState.QUEUED:
            return None
        if self._positions is None:
            waiting = Analysis.objects.filter(state=WorkState.QUEUED).order_by("-priority", "queued_at")
            ids = waiting.values_list("pk", flat=True)
            self._positions = {pk: place for place, pk in enumerate(ids, start=1)}
        return self._positions.get(analysis.pk)

    def seconds_left(self, analysis: Analysis) -> float | None:
        """Return the expected rest of a running analysis; None without a past run to learn from."""
        if analysis.state != WorkState.RUNNING:
            return None
        rate = self._rate(tuple(analysis.systems))
        voxels = _voxels(analysis.revision.volume_header)
        if rate is None or voxels is None:
            return None
        return round(rate * voxels * (1.0 - min(analysis.progress, 1.0)), 1)

    def _rate(self, systems: tuple[str, ...]) -> float | None:
        """Return the median seconds per voxel of the last runs of the same systems."""
        if systems not in self._seconds_per_voxel:
            self._seconds_per_voxel[systems] = _measured_rate(systems)
        return self._seconds_per_voxel[systems]


def _measured_rate(systems: Sequence[str]) -> float | None:
    past = (
        Analysis.objects.filter(state=WorkState.SUCCEEDED, systems=list(systems))
        .order_by("-finished_at")
        .values_list("started_at", "finished_at", "revision__volume_header")[:PAST_RUNS]
    )
    rates = [
        (finished - started).total_seconds() / voxels
        for started, finished, header in past
        if started and finished and (voxels := _voxels(header))
    ]
    return median(rates) if rates else None


def _voxels(volume_header: Mapping[str, Any]) -> int | None:
    shape = volume_header.get("shape")
    return int(prod(shape)) if shape else None
