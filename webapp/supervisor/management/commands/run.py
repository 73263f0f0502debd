"""``manage.py run``: the whole site on this machine, under one supervisor."""

from __future__ import annotations

import os
from typing import Any

from django.core.management import BaseCommand, CommandError

from webapp.supervisor.supervisor import Supervisor


class Command(BaseCommand):
    help = "Start web process, workers, reconciler and (without REDIS_URL) Valkey. Ctrl-C stops all of them."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        port = os.environ.get("PORT", "8000")
        if not port.isdecimal() or not 0 < int(port) < 65536:
            raise CommandError(f"PORT={port} is no port. Choose a number from 1 to 65535.")
        Supervisor(int(port), lambda line: self.stdout.write(line)).run()
