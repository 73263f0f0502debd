"""How an attempt ends that did not succeed. Each raises LostLease when the row is no longer ours."""

from __future__ import annotations

from django.db.models import F

from gpu_worker.kinds import kind_of
from webapp.core import work
from webapp.core.errors import UserError
from webapp.core.models import Work, WorkState

STOPPED = UserError(
    "worker_lost",
    "The worker stopped before it was done, every time it was tried.",
    "Try again. If it fails again, tell the administrator of this site.",
)
BUSY = UserError(
    "busy",
    "Storage or database did not answer, every time it was tried.",
    "Try again later. If it fails again, tell the administrator of this site.",
)
OUT_OF_MEMORY = UserError(
    "memory_limit",
    "The work needs more memory than a worker may use.",
    "Ask the administrator of this site, who can raise the limit.",
)
OUR_FAULT = UserError(
    "our_fault",
    "Something went wrong on our side. Nothing you did was lost.",
    "Try again. If it happens again, give the reference to the administrator of this site.",
)


def too_slow(seconds: int) -> UserError:
    """Return what is said about work that reached its time limit in every try."""
    limit = f"{seconds // 60} minutes" if seconds >= 120 else f"{seconds} second{'s' if seconds > 1 else ''}"
    return UserError(
        "time_limit",
        f"The work was stopped after {limit}, the longest it may take.",
        "Try again. If it fails again, tell the administrator of this site.",
    )


def fail(row: Work, error: UserError, *, reference: str = "") -> None:
    """End the row as failed, in the words of ``error``."""
    work.finish(
        row,
        WorkState.FAILED,
        error_code=error.code,
        error_message=error.message,
        error_hint=error.hint,
        error_reference=reference,
    )
    _tell(row)


def try_again(row: Work, error: UserError) -> None:
    """Queue the row again, or fail it in the words of ``error`` when it has no tries left."""
    if row.tries_left <= 0:
        fail(row, error)
        return
    work.finish(row, WorkState.QUEUED)
    _tell(row)


def give_back(row: Work) -> None:
    """Queue the row again as if it had not been taken: the worker was told to stop."""
    work.finish(row, WorkState.QUEUED, tries_left=F("tries_left") + 1)
    _tell(row)


def _tell(row: Work) -> None:
    row.refresh_from_db()
    kind_of(row).changed(row)
