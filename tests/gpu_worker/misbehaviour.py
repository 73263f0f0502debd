"""Work that does what the row's options say: succeed, hang, die, fail, eat memory."""

from __future__ import annotations

import os
import re
import signal
import time

from django.db import transaction

from webapp.core import work
from webapp.core.errors import RetryableError, UserError
from webapp.core.models import Work, WorkState


def misbehave(row: Work, keep) -> None:  # type: ignore[no-untyped-def]
    """Do what ``row`` asks for."""
    order = getattr(row, "options", None) or row.geometry  # type: ignore[attr-defined]
    BEHAVIOURS[order["do"]](row, keep, order)


def succeed(row, keep, order) -> None:  # type: ignore[no-untyped-def]
    finish(row)


def slowly(row, keep, order) -> None:  # type: ignore[no-untyped-def]
    for step in range(int(order["seconds"] * 10)):
        keep("working", step / (order["seconds"] * 10))
        time.sleep(0.1)
    finish(row)


def silently(row, keep, order) -> None:  # type: ignore[no-untyped-def]
    keep("working", 0.0)
    time.sleep(order["seconds"])
    finish(row)


def hang(row, keep, order) -> None:  # type: ignore[no-untyped-def]
    """A decoder that never comes back and never lets another thread of its process run."""
    re.match(r"(a+)+$", "a" * 64 + "b")


def die(row, keep, order) -> None:  # type: ignore[no-untyped-def]
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(row, keep, order) -> None:  # type: ignore[no-untyped-def]
    die(row, keep, order) if row.attempt == 1 else finish(row)


def refuse(row, keep, order) -> None:  # type: ignore[no-untyped-def]
    raise UserError("no_lungs", "No lungs were found.", "Send a chest CT.")


def later(row, keep, order) -> None:  # type: ignore[no-untyped-def]
    if row.attempt > order.get("until", 99):
        finish(row)
    else:
        raise RetryableError("storage is busy")


def bug(row, keep, order) -> None:  # type: ignore[no-untyped-def]
    raise ValueError("inner detail")


def eat(row, keep, order) -> None:  # type: ignore[no-untyped-def]
    bytearray(order["mb"] << 20)
    finish(row)


def finish(row: Work) -> None:
    with transaction.atomic():
        if hasattr(row, "results"):
            work.finish(row, WorkState.SUCCEEDED, results={"pid": os.getpid(), "attempt": row.attempt})
        else:
            work.finish(row, WorkState.SUCCEEDED)


BEHAVIOURS = {
    "succeed": succeed, "slowly": slowly, "silently": silently, "hang": hang, "die": die,
    "die once": die_once, "refuse": refuse, "later": later, "bug": bug, "eat": eat,
}  # fmt: skip
