"""Writing and sealing the audit trail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, models, transaction

from webapp.audit.addresses import current_address
from webapp.audit.chain import START, link
from webapp.audit.models import AuditEvent, Outcome, Seal

BATCH = 1000
"""Events sealed in one transaction."""


def record(
    *,
    actor: models.Model | None,
    action: str,
    target: models.Model | None = None,
    details: Mapping[str, Any] | None = None,
    outcome: Outcome = Outcome.DONE,
) -> AuditEvent:
    """Append one event. Call it inside the transaction of the change it speaks of.

    ``details`` must hold no patient data: public ids, names of fields, counts.
    """
    return AuditEvent.objects.create(
        actor_key=str(actor.pk) if actor else "",
        address=current_address(),
        action=action,
        outcome=outcome,
        target_type=target._meta.label_lower if target else "",
        target_key=str(target.pk) if target else "",
        details=dict(details or {}),
    )


def seal() -> int:
    """Seal up to one batch of unsealed events and return how many. Called by the reconciler.

    Of two that seal at once one wins; the other returns 0 and leaves the rest to its next turn.
    """
    try:
        with transaction.atomic():
            return _seal_batch()
    except IntegrityError:
        return 0


def _seal_batch() -> int:
    last = Seal.objects.order_by("position").last()
    position, digest = (last.position, last.digest) if last else (0, START)
    links = []
    for event in AuditEvent.objects.filter(seal__isnull=True).order_by("id")[:BATCH]:
        position, digest = position + 1, link(digest, event)
        links.append(Seal(position=position, event=event, digest=digest))
    Seal.objects.bulk_create(links)
    return len(links)
