"""Revisions of series: the ordered list of instances that everything measured refers to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from webapp.core import work
from webapp.core.wakeups import wake_after_commit
from webapp.imaging.models import CHECKS, Series, SeriesRevision, SeriesState
from webapp.imaging.signals import series_changed

Manifest = list[list[str]]


def manifest_hash(manifest: Manifest) -> str:
    """Return the SHA-256 of a manifest's canonical JSON."""
    return hashlib.sha256(json.dumps(manifest, separators=(",", ":")).encode()).hexdigest()


def revise(series: QuerySet[Series]) -> None:
    """Give every series whose instances differ from its last revision a new one, and wake a check worker.

    Call it inside a transaction. Older revisions and what was found in them stay as they are.
    """
    changed = [row for row in series.select_for_update(of=("self",)).order_by("pk") if _revise(row)]
    if changed:
        wake_after_commit(CHECKS)
        announce(changed)


def announce(series: Iterable[Series]) -> None:
    """Tell the floors above, after commit, that something the worklist shows has changed."""
    for row in series:
        transaction.on_commit(partial(series_changed.send, sender=Series, series=row), robust=True)


def _revise(series: Series) -> bool:
    manifest = [list(pair) for pair in series.instances.order_by("sop_uid").values_list("sop_uid", "blob_id")]
    digest = manifest_hash(manifest)
    last = series.revisions.order_by("-number").first()
    if last is not None and last.manifest_hash == digest:
        # Sent again after its check was given up: a wish to try once more.
        return work.retry(last) and _checking(series)
    if last is not None:
        work.cancel(last)
    SeriesRevision.objects.create(
        series=series,
        number=last.number + 1 if last else 1,
        manifest=manifest,
        manifest_hash=digest,
        tries_left=settings.LUNGSIGHT_TRIES,
    )
    return _checking(series)


def _checking(series: Series) -> bool:
    """Note that the series is being checked; one that can be read stays readable meanwhile."""
    if series.state != SeriesState.READY:
        series.state, series.reason = SeriesState.CHECKING, ""
        series.save(update_fields=["state", "reason", "updated_at"])
    return True


def is_latest(revision: SeriesRevision) -> bool:
    """Tell whether no later revision of the series exists."""
    return not SeriesRevision.objects.filter(series=revision.series_id, number__gt=revision.number).exists()
