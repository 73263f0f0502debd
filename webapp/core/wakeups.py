"""Waking workers up. The database row is the truth, so a wake-up that gets lost only costs time."""

from __future__ import annotations

import logging

import redis
from django.conf import settings
from django.db import transaction
from rq import Queue
from rq.serializers import JSONSerializer

logger = logging.getLogger(__name__)

WORK = "gpu_worker.jobs.work"
ENOUGH = 16
"""Wake-ups that may wait in one queue. One serves all rows that are due, so more would only pile up."""


def connection() -> redis.Redis:
    """Return a connection to the server of ``REDIS_URL``."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=30)


def wake(queue: str, *, enough: int = ENOUGH) -> bool:
    """Put one wake-up into ``queue`` unless ``enough`` wait there already.

    False when Redis cannot be reached: the reconciler repeats it.
    """
    try:
        waiting = Queue(queue, connection=connection(), serializer=JSONSerializer)
        if waiting.count < enough:
            waiting.enqueue(WORK, queue, result_ttl=0, failure_ttl=3600, job_timeout=-1)
    except redis.RedisError:
        logger.warning("queue %s could not be woken: Redis does not answer", queue)
        return False
    return True


def wake_after_commit(queue: str) -> None:
    """Wake ``queue`` when the current transaction is committed."""
    transaction.on_commit(lambda: wake(queue), robust=True)
