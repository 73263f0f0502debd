"""Work that does what the row's options say: succeed, hang, die, fail, eat memory."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any

from django.db import transaction

from webapp.analyses.models import Analysis
from webapp.core import work
from webapp.core.errors import RetryableError, UserError
from webapp.core.models import Work, WorkState
from webapp.imaging.models import SeriesRevision

Keep = Callable[[str, float], None]
Order = Mapping[str, Any]


def misbehave(row: Work, keep: Keep) -> None:
    order = row.options if isinstance(row, Analysis) else {}
    if isinstance(row, SeriesRevision):
        order = row.geometry
    BEHAVIOURS[order["do"]](row, keep, order)


def succeed(row: Work, keep: Keep, order: Order) -> None:
    finish(row)


def slowly(row: Work, keep: Keep, order: Order) -> None:
    for step in range(int(order["seconds"] * 10)):
        keep("working", step / (order["seconds"] * 10))
        time.sleep(0.1)
    finish(row)


def silently(row: Work, keep: Keep, order: Order) -> None:
    keep("working", 0.0)
    time.sleep(order["seconds"])
    finish(row)


def hang(row: Work, keep: Keep, order: Order) -> None:
    """A decoder that never comes back and never lets another thread of its process run."""
    re.match(r"(a+)+$", "a" * 64 + "b")


def die(row: Work, keep: Keep, order: Order) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def refuse(row: Work, keep: Keep, order: Order) -> None:
    raise UserError("no_lungs", "No lungs were found.", "Send a chest CT.")


def later(row: Work, keep: Keep, order: Order) -> None:
    if row.attempt <= order.get("until", 99):
        raise RetryableError("storage is busy")
    finish(row)


def bug(row: Work, keep: Keep, order: Order) -> None:
    raise ValueError("inner detail")


def eat(row: Work, keep: Keep, order: Order) -> None:
    bytearray(order["mb"] << 20)
    finish(row)


def finish(row: Work) -> None:
    results = {"results": {"pid": os.getpid(), "attempt": row.attempt}} if isinstance(row, Analysis) else {}
    with transaction.atomic():
        work.finish(row, WorkState.SUCCEEDED, **results)


BEHAVIOURS: Mapping[str, Callable[[Work, Keep, Order], None]] = {
    one.__name__: one for one in (succeed, slowly, silently, hang, die, refuse, later, bug, eat)
}
