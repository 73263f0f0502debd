"""The hash chain over the audit trail: a changed, removed or inserted event breaks it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from webapp.audit.models import AuditEvent, Seal

START = "0" * 64
"""Digest before the first event."""


@dataclass(frozen=True)
class Verdict:
    """What a check of the chain found: sealed events, the last digest, and the first fault in words."""

    sealed: int
    head: str
    fault: str = ""


def verify() -> Verdict:
    """Walk the whole chain from its start and compare every digest."""
    position, digest = 0, START
    for seal in Seal.objects.order_by("position").select_related("event").iterator(1000):
        if seal.position != position + 1:
            return Verdict(position, digest, f"Seal {position + 1} is missing.")
        if seal.digest != link(digest, seal.event):
            fault = f"Event {seal.event_id} or its seal {seal.position} was changed after it was sealed."
            return Verdict(position, digest, fault)
        position, digest = seal.position, seal.digest
    return Verdict(position, digest)


def link(previous: str, event: AuditEvent) -> str:
    """Return the digest of an event and all before it, over a canonical JSON text."""
    text = json.dumps(
        [
            previous,
            event.pk,
            event.at.isoformat(),
            event.actor_key,
            event.address,
            event.action,
            event.outcome,
            event.target_type,
            event.target_key,
            event.details,
        ],
        sort_keys=True,
        separators=(",", ":"),
    )
    return hashlib.sha256(text.encode()).hexdigest()
