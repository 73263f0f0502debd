"""Watching over the row that the child works on: its lease, its time, and whether it is still wanted."""

from __future__ import annotations

import enum
import logging
import time

from django.db import DatabaseError, InterfaceError, connection

from webapp.core import work
from webapp.core.models import Work

logger = logging.getLogger(__name__)

GRACE_SECONDS = 1.0
"""How long the child may go on with a row that was cancelled or given to another worker."""


class Verdict(enum.Enum):
    """What the parent must do."""

    GO_ON = "go on"
    UNWANTED = "the row was cancelled or belongs to another worker"
    TOO_SLOW = "the time limit has passed"


class Watch:
    """One attempt at one row, from the moment it was handed to the child."""

    def __init__(self, row: Work, seconds: int) -> None:
        self.row = row
        self.seconds = seconds
        self._started = self._renewed = time.monotonic()
        self._unwanted_since: float | None = None

    def look(self) -> Verdict:
        """Renew the lease when it is time to, and judge the attempt. Call it a few times a second."""
        now = time.monotonic()
        if now - self._started > self.seconds:
            return Verdict.TOO_SLOW
        if self._is_ours(now):
            self._unwanted_since = None
            return Verdict.GO_ON
        if self._unwanted_since is None:
            self._unwanted_since = now
        return Verdict.UNWANTED if now - self._unwanted_since > GRACE_SECONDS else Verdict.GO_ON

    def _is_ours(self, now: float) -> bool:
        try:
            if now - self._renewed < work.lease().total_seconds() / 4:
                return work.held(self.row).exists()
            work.keep(self.row)
        except work.LostLease:
            return False
        except (DatabaseError, InterfaceError) as error:
            logger.warning("the database does not answer: %s", type(error).__name__)
            connection.close()
            return True
        self._renewed = now
        return True
