"""Heatmaps of an analysis that still runs: kept while they are made, gone when it ends."""

from __future__ import annotations

import time

from django.db import transaction
from django.db.models import F, QuerySet

from diagnosis.results import Heatmap
from webapp.analyses import live
from webapp.analyses.models import Analysis, HeatmapPreview
from webapp.analyses.packing import packed_values, placed
from webapp.core import work
from webapp.core.models import WorkState

MOST_OFTEN = 1.0
"""Seconds between two states of a heatmap that reach the database and the screens."""


class Previews:
    """Keeps what the attempt that ``analysis`` was claimed with shows while it runs."""

    def __init__(self, analysis: Analysis) -> None:
        self.analysis = analysis
        self._kept_at = -MOST_OFTEN

    def __call__(self, system: str, heatmap: Heatmap, done: float) -> None:
        """Keep a heatmap of a system of which a part 0..1 is made, in place of its earlier state.

        Raises LostLease when the attempt was cancelled or belongs to another worker.
        """
        now = time.monotonic()
        if now - self._kept_at < MOST_OFTEN:
            return
        self._kept_at = now
        state = {
            "attempt": self.analysis.attempt,
            "done": done,
            "values": packed_values(heatmap),
            **placed(heatmap),
        }
        with transaction.atomic():
            if not work.held(self.analysis).select_for_update().exists():
                raise work.LostLease(str(self.analysis.pk))
            HeatmapPreview.objects.update_or_create(
                analysis=self.analysis,
                system=system,
                class_name=heatmap.class_name,
                kind=heatmap.kind,
                defaults=state,
            )
        live.tell_preview(self.analysis)

    def forget(self) -> None:
        """Forget what this attempt and those before it showed."""
        HeatmapPreview.objects.filter(analysis=self.analysis, attempt__lte=self.analysis.attempt).delete()


def previews_of(analysis: Analysis) -> QuerySet[HeatmapPreview]:
    """Return the heatmaps that the running attempt is making."""
    return HeatmapPreview.objects.filter(
        analysis=analysis, analysis__state=WorkState.RUNNING, attempt=F("analysis__attempt")
    ).order_by("system", "class_name", "kind")
