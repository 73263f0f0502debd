"""The analysis that nobody has to ask for: the thinnest axial CT series of a study."""

from __future__ import annotations

from webapp.analyses.models import Analysis
from webapp.analyses.requests import default_systems
from webapp.analyses.services import request_analysis
from webapp.core.errors import UserError
from webapp.imaging.models import Series, SeriesRevision, SeriesState, Study

UNDECIDED = (SeriesState.RECEIVING, SeriesState.CHECKING)


def start_automatic(study: Study) -> Analysis | None:
    """Queue the default systems on the thinnest series once no series of the study is being checked.

    None when a series is still being checked, none can be measured, or this revision has an analysis.
    """
    series = list(study.series.select_related("current"))
    if any(one.state in UNDECIDED for one in series):
        return None
    usable = [(one.current, one) for one in series if one.current and _is_measurable(one, one.current)]
    if not usable:
        return None
    revision, chosen = min(usable, key=lambda pair: (*_thinness(pair[0]), str(pair[1].pk)))
    if Analysis.objects.filter(revision=revision).exists():
        return None
    try:
        return request_analysis(series=chosen, systems=default_systems())
    except UserError:
        # A new instance came in between; the check of the new revision brings us back here.
        return None


def _is_measurable(series: Series, revision: SeriesRevision) -> bool:
    """Tell whether a series is an original axial CT that passed its check."""
    return (
        series.state == SeriesState.READY
        and not series.derived
        and revision.geometry.get("plane", "axial") == "axial"
        and bool(revision.volume_header)
    )


def _thinness(revision: SeriesRevision) -> tuple[float, int]:
    """Return what puts thin slices first, and of equal ones the series that covers more."""
    return float(revision.volume_header["spacing_mm"][0]), -int(revision.volume_header["shape"][0])
