"""The reconciler when parts are away, and what it finds besides."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from tests.phantoms import chest_phantom
from tests.webapp.conftest import World
from webapp.analyses.factories import ready_series
from webapp.analyses.models import Analysis
from webapp.audit.services import record
from webapp.core.models import WorkState
from webapp.imaging.models import SeriesRevision
from webapp.supervisor import reconciler
from webapp.supervisor.management.commands import reconcile

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def abandoned(world: World) -> Analysis:
    """Return an analysis whose last worker died."""
    return Analysis.objects.create(
        revision=ready_series(world.cohort).current, systems=["density"], state=WorkState.RUNNING,
        attempt=2, tries_left=0, lease_until=timezone.now() - timedelta(seconds=1),
    )  # fmt: skip


def test_without_redis_it_still_puts_right_what_the_database_knows(world: World, settings: Any) -> None:
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    row = abandoned(world)
    assert reconcile.look() is False
    row.refresh_from_db()
    assert (row.state, row.error_code) == (WorkState.FAILED, "worker_lost")


def test_without_database_it_waits_and_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(reconcile, "reconcile", away)
    monkeypatch.setattr(reconcile.connection, "close", lambda: None)
    assert reconcile.look() is False


def test_an_analysis_that_a_dying_check_did_not_start_is_started(world: World) -> None:
    series = ready_series(world.cohort, volume=chest_phantom(slices=12, size=32).volume)
    SeriesRevision.objects.filter(series=series).update(finished_at=timezone.now())
    reconciler.reconcile()
    reconciler.reconcile()
    assert Analysis.objects.get().revision.series == series


def test_it_seals_the_audit_trail(world: World) -> None:
    event = record(actor=world.reader, action="test.happened")
    reconciler.reconcile()
    event.refresh_from_db()
    assert event.seal.digest
