"""Changes that never overwrite what somebody else changed meanwhile."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.models import F
from django.utils import timezone

from webapp.core.models import RevisedRow

RowT = TypeVar("RowT", bound=RevisedRow)


class StaleRevision(Exception):
    """The row changed since the caller read it; ``current`` is what is stored now."""

    def __init__(self, current: RevisedRow) -> None:
        super().__init__(f"revision {current.revision}")
        self.current = current


def change(row: RowT, based_on: int, **changes: Any) -> RowT:
    """Write ``changes`` if the stored revision still is ``based_on``; return the row as stored.

    One conditional UPDATE, the same on PostgreSQL and SQLite. Raises StaleRevision otherwise.
    """
    rows = type(row)._default_manager
    written = rows.filter(pk=row.pk, revision=based_on).update(
        revision=F("revision") + 1, updated_at=timezone.now(), **changes
    )
    current = rows.get(pk=row.pk)
    if not written:
        raise StaleRevision(current)
    return current
