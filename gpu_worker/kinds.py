"""What each queue's workers do: the models whose rows they take, and the function that works on a row.

Functions are named, not imported: only the child loads them (networks, decoders), never its parent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings

from webapp.analyses import live
from webapp.analyses.models import ANALYSES, Analysis
from webapp.core.models import Work, WorkState
from webapp.imaging.models import CHECKS, SeriesRevision, Upload
from webapp.imaging.services import settle_failed_checks


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of work. ``run`` is the dotted name of ``(row, keep) -> None``; it ends the row itself.

    ``prepare`` names what the child does once, before its first row; it may be absent. ``changed`` is
    called after the worker changed the row's state, outside of ``run``.
    """

    model: type[Work]
    run: str
    changed: Callable[[Work], None]
    prepare: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What one row may use. ``memory_mb`` bounds the child's address space; None leaves it open."""

    seconds: int
    memory_mb: int | None


def check_changed(row: Work) -> None:
    """Let series and files say why their check was given up."""
    if row.state == WorkState.FAILED:
        settle_failed_checks()


KINDS: Mapping[str, Sequence[Kind]] = {
    CHECKS: (
        Kind(Upload, "webapp.imaging.services.check_upload", check_changed),
        Kind(SeriesRevision, "webapp.imaging.services.check_revision", check_changed),
    ),
    ANALYSES: (
        Kind(
            Analysis,
            "gpu_worker.analysing.analyse",
            live.tell_progress,
            prepare="gpu_worker.analysing.prepare",
        ),
    ),
}


def limits(queue: str) -> Limits:
    """Return the limits of one row of ``queue``. Files that nobody has looked at yet get the tight ones."""
    if queue == CHECKS:
        return Limits(settings.LUNGSIGHT_CHECK_SECONDS, settings.LUNGSIGHT_CHECK_MEMORY_MB)
    return Limits(settings.LUNGSIGHT_JOB_SECONDS, settings.LUNGSIGHT_JOB_MEMORY_MB or None)


def kind_of(row: Work) -> Kind:
    """Return the kind that ``row`` belongs to."""
    return next(kind for kinds in KINDS.values() for kind in kinds if kind.model is type(row))
