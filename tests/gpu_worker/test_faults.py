"""Kill -9 and lost data: accepted work ends, once, with one result."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import pytest
from django.db import connection

from tests.gpu_worker.conftest import Valkey, WorkerProcess, ended, is_running, running, wait_for
from webapp.analyses.models import ANALYSES, Analysis
from webapp.core.models import WorkState
from webapp.core.wakeups import wake
from webapp.supervisor.reconciler import bury_dead_workers, reconcile

pytestmark = pytest.mark.faults

Start = Callable[..., WorkerProcess]
QueueWork = Callable[..., Analysis]


def reconciled(*rows: Analysis) -> bool:
    """Look after the work once, as the reconciler does every few seconds; tell whether all rows ended."""
    reconcile()
    return all(ended(row) for row in rows)


@pytest.mark.usefixtures("valkey")
@pytest.mark.both_databases
def test_a_killed_child_is_replaced_and_its_row_done_again(
    start_worker: Start, queue_work: QueueWork
) -> None:
    row = queue_work("slowly", seconds=1)
    worker = start_worker()
    wake(ANALYSES)
    wait_for(lambda: running(row))
    killed = worker.child()
    assert killed
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: ended(row))
    assert (row.state, row.attempt) == (WorkState.SUCCEEDED, 2)
    assert row.results["pid"] != killed


def test_a_child_killed_while_idle_costs_no_try(start_worker: Start, queue_work: QueueWork) -> None:
    first = queue_work("succeed")
    worker = start_worker()
    wake(ANALYSES)
    wait_for(lambda: ended(first))
    child = worker.child()
    assert child
    os.kill(child, signal.SIGKILL)
    wait_for(lambda: not is_running(child))
    row = queue_work("succeed")
    wake(ANALYSES)
    wait_for(lambda: ended(row))
    assert (row.state, row.attempt) == (WorkState.SUCCEEDED, 1)


@pytest.mark.both_databases
def test_a_killed_worker_takes_its_child_along_and_another_one_takes_over(
    start_worker: Start, queue_work: QueueWork
) -> None:
    row = queue_work("slowly", seconds=3)
    worker = start_worker(lease_seconds=2)
    wake(ANALYSES)
    wait_for(lambda: running(row))
    child = worker.child()
    assert child
    worker.kill()
    wait_for(lambda: not is_running(child), 2)
    start_worker(lease_seconds=2)
    wait_for(lambda: reconciled(row), 40)
    assert (row.state, row.attempt) == (WorkState.SUCCEEDED, 2)


def test_a_row_that_kills_every_child_fails_with_a_sentence_and_the_queue_goes_on(
    start_worker: Start, queue_work: QueueWork
) -> None:
    poison, after = queue_work("die"), queue_work("succeed")
    start_worker()
    wake(ANALYSES)
    wait_for(lambda: ended(poison) and ended(after), 60)
    assert (poison.state, poison.attempt, poison.error_code) == (WorkState.FAILED, 2, "worker_lost")
    assert poison.error_message
    assert after.state == WorkState.SUCCEEDED


def test_a_row_whose_workers_all_died_is_failed_by_the_reconciler(
    start_worker: Start, queue_work: QueueWork
) -> None:
    row = queue_work("slowly", seconds=60, tries=1)
    worker = start_worker(lease_seconds=1)
    wake(ANALYSES)
    wait_for(lambda: running(row))
    worker.kill()
    wait_for(lambda: reconciled(row))
    assert (row.state, row.error_code) == (WorkState.FAILED, "worker_lost")


def test_a_worker_that_was_frozen_past_its_lease_cannot_write_over_the_one_that_took_over(
    start_worker: Start, queue_work: QueueWork
) -> None:
    row = queue_work("silently", seconds=4)
    late = start_worker(lease_seconds=2)
    wake(ANALYSES)
    wait_for(lambda: running(row))
    child = late.child()
    assert child
    for pid in (late.pid, child):
        os.kill(pid, signal.SIGSTOP)
    start_worker(lease_seconds=2)
    wait_for(lambda: reconciled() and Analysis.objects.get(pk=row.pk).attempt == 2, 40)
    os.kill(child, signal.SIGCONT)
    wait_for(lambda: ended(row), 40)
    os.kill(late.pid, signal.SIGCONT)
    time.sleep(2)
    row.refresh_from_db()
    assert (row.state, row.results["attempt"]) == (WorkState.SUCCEEDED, 2)
    assert "belongs to somebody else" in late.log.read_text()


@pytest.mark.parametrize("with_data", [True, False])
@pytest.mark.both_databases
def test_all_work_ends_when_valkey_is_killed_and_comes_back(
    with_data: bool, start_worker: Start, queue_work: QueueWork, valkey: Valkey
) -> None:
    rows = [queue_work("slowly", seconds=2), *(queue_work("succeed") for _ in range(5))]
    start_worker()
    wake(ANALYSES)
    wait_for(lambda: running(rows[0]))
    valkey.kill()
    assert wake(ANALYSES) is False
    if not with_data:
        valkey.forget()
    wait_for(lambda: all(ended(row) for row in rows), 30)
    valkey.start()
    rows.append(queue_work("succeed"))
    wait_for(lambda: reconciled(*rows), 60)
    assert {row.state for row in rows} == {WorkState.SUCCEEDED}
    assert {row.attempt for row in rows} == {1}


def test_a_lost_wake_up_is_repeated_by_the_reconciler(start_worker: Start, queue_work: QueueWork) -> None:
    start_worker()
    row = queue_work("succeed")
    wait_for(lambda: reconciled(row))
    assert row.state == WorkState.SUCCEEDED


def test_the_reconciler_does_not_flood_the_queue(queue_work: QueueWork, valkey: Valkey) -> None:
    from rq import Queue

    from webapp.core.wakeups import connection as redis_connection

    queue_work("succeed")
    for _ in range(5):
        reconcile()
    assert Queue(ANALYSES, connection=redis_connection()).count == 1


def test_a_dead_worker_is_struck_off_the_list(start_worker: Start, valkey: Valkey) -> None:
    from rq import Worker

    from webapp.core.wakeups import connection as redis_connection

    worker = start_worker()
    wait_for(lambda: Worker.count(connection=redis_connection()) == 1)
    bury_dead_workers()
    assert Worker.count(connection=redis_connection()) == 1
    worker.kill()
    bury_dead_workers()
    assert Worker.count(connection=redis_connection()) == 0


@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite has no connections to cut")
def test_work_ends_when_the_database_cuts_all_connections(start_worker: Start, queue_work: QueueWork) -> None:
    rows = [queue_work("slowly", seconds=2), queue_work("succeed")]
    start_worker(lease_seconds=3)
    wake(ANALYSES)
    wait_for(lambda: running(rows[0]))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    wait_for(lambda: reconciled(*rows), 60)
    assert {row.state for row in rows} == {WorkState.SUCCEEDED}
