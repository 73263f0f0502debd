"""Finds what fell through: lost wake-ups, work of dead workers, stopped uploads, unsealed audit events."""

from __future__ import annotations

import os
import socket
from datetime import timedelta
from pathlib import Path

from django.apps import apps
from django.utils import timezone
from rq import Worker

from webapp.analyses import live
from webapp.analyses.automatic import start_automatic
from webapp.audit.services import seal
from webapp.core import blobs, wakeups, work
from webapp.core.models import Work, WorkState
from webapp.imaging.models import SeriesRevision, Study
from webapp.imaging.services import complete_idle_uploads, settle_failed_checks

RECENT = timedelta(hours=6)


def work_models() -> list[type[Work]]:
    """Return every model whose rows workers take."""
    return [model for model in apps.get_models() if issubclass(model, Work)]


def reconcile() -> None:
    """Put right what can be put right. Doing it twice, or in two places at once, does no harm."""
    for model in work_models():
        for row in work.fail_exhausted(model):
            row.refresh_from_db()
            live.tell_progress(row)
    settle_failed_checks()
    complete_idle_uploads()
    blobs.sweep()
    start_missed_analyses()
    seal()
    for queue in sorted({model.QUEUE for model in work_models() if work.due(model).exists()}):
        wakeups.wake(queue, enough=1)


def start_missed_analyses() -> None:
    """Start the analysis of studies whose last check ended just before its worker died."""
    unanalysed = SeriesRevision.objects.filter(
        state=WorkState.SUCCEEDED, finished_at__gt=timezone.now() - RECENT, analyses=None
    )
    for study in Study.objects.filter(series__revisions__in=unanalysed).distinct():
        start_automatic(study)


def bury_dead_workers() -> None:
    """Strike workers of this host off Redis whose process is gone. Raises RedisError."""
    for worker in Worker.all(connection=wakeups.connection()):
        if worker.hostname == socket.gethostname() and not _is_worker(worker.pid):
            worker.register_death()  # type: ignore[no-untyped-call]


def _is_worker(pid: int | None) -> bool:
    """Tell whether the process exists and is a worker, not another one that got the number since."""
    if not pid:
        return False
    try:
        os.kill(pid, 0)
        command = Path(f"/proc/{pid}/cmdline")
        return not command.exists() or b"gpu_worker" in command.read_bytes()
    except OSError:
        return False
