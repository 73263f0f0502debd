"""The one job of the queues. It holds no data: it says that rows of a queue are due."""

from __future__ import annotations

from collections.abc import Callable

from gpu_worker.kinds import KINDS
from webapp.core import work as rows
from webapp.core.models import Work


def work(queue: str, worker: str, serve: Callable[[Work], bool]) -> None:
    """Claim due rows of ``queue`` for ``worker``, the most urgent first, until none is due.

    ``serve`` works on a claimed row and answers whether the worker may go on.
    """
    while row := take(queue, worker):
        if not serve(row):
            return


def take(queue: str, worker: str) -> Work | None:
    """Claim the most urgent due row of all kinds of ``queue``, or None when nothing is due."""
    while True:
        firsts = [row for kind in KINDS[queue] if (row := rows.due(kind.model).first())]
        if not firsts:
            return None
        first = min(firsts, key=lambda row: (-row.priority, row.queued_at))
        if claimed := rows.claim(type(first), worker):
            return claimed
