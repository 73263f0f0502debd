"""What open pages hear at once: ids and progress, never results. Losing a message costs nothing but time."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import redis
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

from webapp.analyses.models import Analysis
from webapp.core.models import Work
from webapp.imaging.models import Series

logger = logging.getLogger(__name__)


def cohort_group(cohort: UUID) -> str:
    """Return the group that hears of all series of a cohort."""
    return f"cohort.{cohort}"


def analysis_group(analysis: UUID) -> str:
    """Return the group that hears of one analysis."""
    return f"analysis.{analysis}"


def tell_series_changed(series: Series) -> None:
    """Tell the worklists of the study's cohorts that a series has something new to show."""
    _send(_cohort_groups(series), {"type": "series.changed", "series": str(series.pk)})


def tell_progress(row: Work) -> None:
    """Tell state, stage and progress of an analysis to its own page and to the worklists."""
    if not isinstance(row, Analysis):
        return
    series = row.revision.series
    message = {
        "type": "analysis.progress",
        "series": str(series.pk),
        "analysis": str(row.pk),
        "state": row.state,
        "stage": row.stage,
        "progress": round(row.progress, 3),
    }
    _send([analysis_group(row.pk), *_cohort_groups(series)], message)


def tell_preview(analysis: Analysis) -> None:
    """Tell the analysis's own page that more of a heatmap is made."""
    _send([analysis_group(analysis.pk)], {"type": "analysis.preview", "analysis": str(analysis.pk)})


def _cohort_groups(series: Series) -> list[str]:
    return [cohort_group(pk) for pk in series.study.cohorts.values_list("pk", flat=True)]


def _send(groups: Iterable[str], message: dict[str, Any]) -> None:
    layer = get_channel_layer()
    if layer is None:
        return
    try:
        async_to_sync(_send_all)(layer, list(groups), message)
    except (redis.RedisError, OSError) as error:
        logger.warning("open pages could not be told: %s", type(error).__name__)


async def _send_all(layer: Any, groups: list[str], message: dict[str, Any]) -> None:
    for group in groups:
        await layer.group_send(group, {"type": "told", "message": message})
