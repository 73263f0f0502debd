"""The job boundary: the one place where every error of a piece of work ends, each in its own way."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable

from django.db import InterfaceError, OperationalError

from diagnosis.geometry import RefusedInput
from gpu_worker import endings
from gpu_worker.kinds import kind_of
from webapp.core import work
from webapp.core.errors import RetryableError, UserError
from webapp.core.models import Work

logger = logging.getLogger(__name__)

MOST_OFTEN = 0.25
"""Seconds between two signs of progress that reach the database and the screens."""

Keep = Callable[[str, float], None]
Handler = Callable[[Work, Keep], None]


class Keeper:
    """Tells the progress of a row and renews its lease; raises LostLease when the row is no longer ours."""

    def __init__(self, row: Work) -> None:
        self.row = row
        self.changed = kind_of(row).changed
        self._told_at = 0.0

    def __call__(self, stage: str, progress: float) -> None:
        """Note the stage and its progress 0..1, at most a few times a second."""
        now = time.monotonic()
        if stage == self.row.stage and now - self._told_at < MOST_OFTEN:
            return
        self._told_at = now
        progress = min(max(progress, 0.0), 1.0)
        work.keep(self.row, stage=stage, progress=progress)
        self.row.stage, self.row.progress = stage, progress
        self.changed(self.row)


def run(row: Work, handler: Handler) -> None:
    """Work on a claimed row and end it, whatever happens. Only a database that is away gets through."""
    try:
        _run(row, handler)
    except work.LostLease:
        logger.info("%s %s belongs to somebody else now; its result was dropped", _kind(row), row.pk)


def _run(row: Work, handler: Handler) -> None:
    try:
        handler(row, Keeper(row))
    except work.LostLease:
        raise
    except UserError as error:
        endings.fail(row, error)
    except RefusedInput as refusal:
        endings.fail(row, UserError(refusal.code, refusal.sentence))
    except (RetryableError, OperationalError, InterfaceError) as error:
        logger.warning("%s %s will be tried again: %s", _kind(row), row.pk, type(error).__name__)
        endings.try_again(row, endings.BUSY)
    except MemoryError:
        logger.warning("%s %s needs more memory than it may use", _kind(row), row.pk)
        endings.fail(row, endings.OUT_OF_MEMORY)
    except Exception:
        reference = str(uuid.uuid4())
        logger.exception("%s %s failed, reference %s", _kind(row), row.pk, reference)
        endings.fail(row, endings.OUR_FAULT, reference=reference)


def _kind(row: Work) -> str:
    return row._meta.model_name or ""
