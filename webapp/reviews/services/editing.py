"""What every change of a reading shares: the draft it needs, the revision it is based on, its audit event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from webapp.accounts.models import User
from webapp.audit.services import record
from webapp.core.revisions import change
from webapp.imaging.models import Series
from webapp.imaging.signals import series_changed
from webapp.reviews.models import Reading


def write(
    *,
    user: User,
    reading: Reading,
    based_on: int,
    action: str,
    details: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Reading:
    """Raise the revision with ``changes`` and append one audit event; return the reading as stored.

    Call it first in the transaction: from then on the row is held, so that rows written after it (verdicts,
    regions) belong to this revision alone. Raises StaleRevision.
    """
    written = change(reading, based_on, **changes)
    record(
        actor=user,
        action=action,
        target=written,
        details={"revision": written.revision, **(details or {})},
    )
    return written


def announce(series: Series) -> None:
    """Tell the worklist, after commit, that the series shows another state of reading."""
    transaction.on_commit(lambda: _send(series), robust=True)


def _send(series: Series) -> None:
    series_changed.send(sender=Reading, series=series)
