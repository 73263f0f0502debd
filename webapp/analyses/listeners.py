"""What the analyses app does when imaging tells of a series."""

from __future__ import annotations

from typing import Any

from webapp.analyses import live
from webapp.analyses.automatic import start_automatic
from webapp.imaging.models import Series, SeriesRevision
from webapp.imaging.signals import series_changed, series_completed


def connect() -> None:
    """Connect to the signals, once."""
    series_completed.connect(_completed, dispatch_uid="analyses.completed")
    series_changed.connect(_changed, dispatch_uid="analyses.changed")


def _completed(revision: SeriesRevision, **kwargs: Any) -> None:
    start_automatic(revision.series.study)


def _changed(series: Series, **kwargs: Any) -> None:
    """A series that turned out unusable may have been the last one its study waited for."""
    start_automatic(series.study)
    live.tell_series_changed(series)
