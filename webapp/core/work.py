"""Claiming, keeping and ending work. The same conditional UPDATEs serve PostgreSQL and SQLite."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from webapp.core.models import Work, WorkState

WorkT = TypeVar("WorkT", bound=Work)

TRANSITIONS: Mapping[str, frozenset[str]] = {
    WorkState.QUEUED: frozenset({WorkState.RUNNING, WorkState.CANCELLED}),
    WorkState.RUNNING: frozenset(
        {WorkState.SUCCEEDED, WorkState.FAILED, WorkState.CANCELLED, WorkState.QUEUED, WorkState.RUNNING}
    ),
    WorkState.FAILED: frozenset({WorkState.QUEUED}),
    WorkState.CANCELLED: frozenset({WorkState.QUEUED}),
    WorkState.SUCCEEDED: frozenset(),
}
"""From state to states. Running to running is the take-over of a lease that ran out."""


class LostLease(Exception):
    """Another worker owns the row now, or it was cancelled: this worker's result must not be written."""


def worker_name() -> str:
    """Return a name for this process that is not used twice, for the row and the log."""
    return f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"


def due(model: type[WorkT]) -> models.QuerySet[WorkT]:
    """Return the rows a worker may take now, in the order in which they must be taken."""
    now = timezone.now()
    waiting = models.Q(state=WorkState.QUEUED) & model.READY
    abandoned = models.Q(state=WorkState.RUNNING, lease_until__lt=now)
    return model._default_manager.filter(waiting | abandoned, tries_left__gt=0).order_by(
        "-priority", "queued_at"
    )


def claim(model: type[WorkT], worker: str) -> WorkT | None:
    """Take the due row of highest priority for ``worker``, or None when nothing is due."""
    while True:
        candidate = due(model).first()
        if candidate is None:
            return None
        now = timezone.now()
        taken = model._default_manager.filter(
            pk=candidate.pk, state=candidate.state, attempt=candidate.attempt
        ).update(
            state=WorkState.RUNNING,
            attempt=candidate.attempt + 1,
            tries_left=candidate.tries_left - 1,
            lease_until=now + lease(),
            worker=worker,
            started_at=now,
            finished_at=None,
            stage="",
            progress=0.0,
        )
        if taken:
            return model._default_manager.get(pk=candidate.pk)


def lease() -> timedelta:
    """Return how long a worker may be silent before its row is given to another one."""
    return timedelta(seconds=settings.LUNGSIGHT_LEASE_SECONDS)


def held(row: WorkT) -> models.QuerySet[WorkT]:
    """Return the row as long as the attempt that ``row`` was claimed with still owns it."""
    return type(row)._default_manager.filter(pk=row.pk, attempt=row.attempt, state=WorkState.RUNNING)


def keep(row: Work, *, stage: str | None = None, progress: float | None = None) -> None:
    """Renew the lease and tell the progress. Raises LostLease when the row is no longer ours."""
    changes: dict[str, Any] = {"lease_until": timezone.now() + lease()}
    if stage is not None:
        changes["stage"] = stage
    if progress is not None:
        changes["progress"] = progress
    if not held(row).update(**changes):
        raise LostLease(str(row.pk))


def finish(row: Work, state: WorkState, **changes: Any) -> None:
    """End the attempt. Call it inside the transaction that writes the results. QUEUED asks for another one.

    Raises LostLease (and so rolls the results back) when the row is no longer ours.
    """
    if state == WorkState.RUNNING or state not in TRANSITIONS[WorkState.RUNNING]:
        raise ValueError(f"running work cannot become {state}")
    finished_at = None if state == WorkState.QUEUED else timezone.now()
    ended = held(row).update(state=state, finished_at=finished_at, lease_until=None, **changes)
    if not ended:
        raise LostLease(str(row.pk))


def cancel(row: Work) -> bool:
    """Cancel queued or running work; the worker finds out at its next sign of life. False: already ended."""
    return bool(
        type(row)
        ._default_manager.filter(pk=row.pk, state__in=[WorkState.QUEUED, WorkState.RUNNING])
        .update(state=WorkState.CANCELLED, finished_at=timezone.now(), lease_until=None)
    )


def retry(row: Work) -> bool:
    """Queue failed or cancelled work again with fresh tries. False: it is in another state."""
    return bool(
        type(row)
        ._default_manager.filter(pk=row.pk, state__in=[WorkState.FAILED, WorkState.CANCELLED])
        .update(
            state=WorkState.QUEUED,
            tries_left=settings.LUNGSIGHT_TRIES,
            queued_at=timezone.now(),
            finished_at=None,
            stage="",
            progress=0.0,
            error_code="",
            error_message="",
            error_hint="",
            error_reference="",
        )
    )


def fail_exhausted(model: type[WorkT]) -> list[WorkT]:
    """Fail rows whose last try ran out of its lease: the file or the machine killed every worker."""
    failed = []
    exhausted = model._default_manager.filter(
        state=WorkState.RUNNING, lease_until__lt=timezone.now(), tries_left=0
    )
    for row in exhausted:
        ended = (
            held(row)
            .filter(lease_until__lt=timezone.now())
            .update(
                state=WorkState.FAILED,
                finished_at=timezone.now(),
                lease_until=None,
                error_code="worker_lost",
                error_message="The worker stopped before it was done, every time it was tried.",
                error_hint="Try again. If it fails again, tell the administrator of this site.",
            )
        )
        if ended:
            failed.append(row)
    return failed
