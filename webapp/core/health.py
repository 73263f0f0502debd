"""Is this process alive, and can it serve? Asked by supervisors and load balancers, without sign-in."""

from __future__ import annotations

import logging

import redis
from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe
from rq import Worker

from webapp.core import blobs
from webapp.core.models import Work

logger = logging.getLogger(__name__)

OK, FAILED, DEGRADED = "ok", "failed", "degraded"


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer as long as the process lives."""
    return JsonResponse({"status": OK})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 503 when database or storage fail; without Redis or workers uploading and reading go on."""
    parts = {"database": _database(), "storage": OK if blobs.is_writable() else FAILED} | _queues()
    return JsonResponse(parts, status=503 if FAILED in parts.values() else 200)


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError) as error:
        logger.error("the database does not answer: %s", type(error).__name__)
        return FAILED
    return OK


def _queues() -> dict[str, str]:
    try:
        server = redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1)
        workers = Worker.all(connection=server)
    except redis.RedisError:
        return {"redis": DEGRADED, "workers": DEGRADED}
    served = {name for worker in workers for name in worker.queue_names()}
    return {"redis": OK, "workers": OK if needed_queues() <= served else DEGRADED}


def needed_queues() -> set[str]:
    """Return the names of the queues that some work of the site waits in."""
    return {model.QUEUE for model in apps.get_models() if issubclass(model, Work)}
