"""``manage.py verify_audit``: was the audit trail changed after it was sealed?"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from webapp.audit.chain import verify
from webapp.audit.models import AuditEvent


class Command(BaseCommand):
    help = "Checks the hash chain over the audit trail. Keep the printed head elsewhere to notice a cut end."

    def handle(self, *args: Any, **options: Any) -> None:
        verdict = verify()
        if verdict.fault:
            raise CommandError(f"{verdict.fault} The {verdict.sealed} events sealed before it are unchanged.")
        waiting = AuditEvent.objects.filter(seal__isnull=True).count()
        self.stdout.write(f"{verdict.sealed} sealed events are unchanged, {waiting} wait for their seal.")
        self.stdout.write(f"head: {verdict.head}")
