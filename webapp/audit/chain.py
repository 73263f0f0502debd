"""The hash chain over the audit trail: a changed, removed or inserted event breaks it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from webapp.audit.models import AuditEvent, Seal

BATCH = 1000
START = "0" * 64
"""Digest before the first event."""


@dataclass(frozen=True)
class Verdict:
    """What a check of the chain found: sealed events, the last digest, and the first fault in words."""

    sealed: int
    head: str
    fault: str = ""


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
        position, digest = position + 1, _link(digest, event)
        links.append(Seal(position=position, event=event, digest=digest))
    Seal.objects.bulk_create(links)
    return len(links)


def verify() -> Verdict:
    """Walk the whole chain from its start and compare every digest."""
    position, digest = 0, START
    for link in Seal.objects.order_by("position").select_related("event").iterator(BATCH):
        if link.position != position + 1:
            return Verdict(position, digest, f"Seal {position + 1} is missing.")
        if link.digest != _link(digest, link.event):
            fault = f"Event {link.event_id} or its seal {link.position} was changed after it was sealed."
            return Verdict(position, digest, fault)
        position, digest = link.position, link.digest
    return Verdict(position, digest)


def _link(previous: str, event: AuditEvent) -> str:
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
