"""``manage.py reconcile``: the loop that finds what fell through."""

from __future__ import annotations

import logging
import signal
import time
from argparse import ArgumentParser
from typing import Any

import redis
from django.conf import settings
from django.core.management import BaseCommand
from django.db import DatabaseError, InterfaceError, connection

from webapp.core.errors import RetryableError
from webapp.supervisor.reconciler import bury_dead_workers, reconcile

logger = logging.getLogger(__name__)

LONGEST_PAUSE = 30.0


class Command(BaseCommand):
    help = "Look after queued work, dead workers and stopped uploads, every few seconds until stopped."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="Look once and stop.")

    def handle(self, *args: Any, **options: Any) -> None:
        signal.signal(signal.SIGTERM, _leave)
        pause = settings.LUNGSIGHT_RECONCILE_SECONDS
        while True:
            well = look()
            if options["once"]:
                return
            pause = settings.LUNGSIGHT_RECONCILE_SECONDS if well else min(pause * 2, LONGEST_PAUSE)
            time.sleep(pause)


def look() -> bool:
    """Reconcile once; False when database, Redis or storage did not answer."""
    try:
        reconcile()
        bury_dead_workers()
    except (DatabaseError, InterfaceError) as error:
        logger.warning("the database does not answer: %s", type(error).__name__)
        connection.close()
    except (redis.RedisError, OSError, RetryableError) as error:
        logger.warning("could not look after all work: %s", type(error).__name__)
    else:
        return True
    return False


def _leave(signum: int, frame: Any) -> None:
    raise SystemExit(0)
