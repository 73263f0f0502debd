"""The warm child: a process of its own that loads decoders or networks once and works on many rows.

It reads requests from its standard input, one JSON object a line, and answers each with a line. Its parent
claims the rows, watches it and kills it when a row takes too long; it dies with its parent.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from typing import TextIO

import django
from django.apps import apps
from django.db import close_old_connections
from django.utils.module_loading import import_string

from webapp.core.processes import die_with_parent


def main(queue: str, parent: int) -> None:
    """Serve the rows of ``queue`` that the parent sends, until it closes the pipe."""
    die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = _answers()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings.base")
    django.setup()
    serve(queue, answers)


def serve(queue: str, answers: TextIO) -> None:
    """Load what the queue's work needs, say so, and work on one row after the other."""
    from gpu_worker import boundary
    from gpu_worker.kinds import KINDS, limits
    from webapp.core.work import held

    handlers = {kind.model: import_string(kind.run) for kind in KINDS[queue]}
    for kind in KINDS[queue]:
        if kind.prepare:
            import_string(kind.prepare)()
    if memory := limits(queue).memory_mb:
        resource.setrlimit(resource.RLIMIT_AS, (memory << 20, memory << 20))
    _answer(answers, "ready")
    for line in sys.stdin:
        close_old_connections()
        request = json.loads(line)
        model = apps.get_model(request["model"])
        row = held(model(pk=request["id"], attempt=request["attempt"])).first()
        if row is not None:
            boundary.run(row, handlers[model])
        _answer(answers, request["id"])


def _answers() -> TextIO:
    """Keep standard output for answers; whatever a library prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def _answer(answers: TextIO, what: str) -> None:
    answers.write(json.dumps({"done": what}) + "\n")
    answers.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
