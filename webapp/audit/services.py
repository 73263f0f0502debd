"""Writing the audit trail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import models

from webapp.audit.addresses import current_address
from webapp.audit.models import AuditEvent, Outcome


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
