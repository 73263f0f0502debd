"""``manage.py demo_studies``: make the studies of the demo that are still wanted."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError

from webapp.supervisor.demo_studies import make_demo_studies


class Command(BaseCommand):
    help = "Make the demo's synthetic studies and import them. make run does so by itself, on empty data."

    def handle(self, *args: Any, **options: Any) -> None:
        signal.signal(signal.SIGTERM, _leave)
        if not make_demo_studies(Path(settings.LUNGSIGHT_DATA)):
            raise CommandError("Not all demo studies could be made; the lines above say why.")


def _leave(signum: int, frame: Any) -> None:
    raise SystemExit(0)
