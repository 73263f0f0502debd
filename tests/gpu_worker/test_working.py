"""The worker on good and bad days that need no kill."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import redis
from rq import Queue

from tests.gpu_worker.conftest import Valkey, WorkerProcess, ended, is_running, running, wait_for
from webapp.analyses.models import ANALYSES, Analysis
from webapp.core import work
from webapp.core.models import WorkState
from webapp.core.wakeups import wake
from webapp.imaging.models import CHECKS, SeriesRevision

pytestmark = pytest.mark.faults

Start = Callable[..., WorkerProcess]
QueueWork = Callable[..., Analysis]


def test_one_warm_child_serves_all_rows_the_most_urgent_first(
    start_worker: Start, queue_work: QueueWork
) -> None:
    rows = [queue_work("succeed", priority=number % 4) for number in range(20)]
    start_worker()
    wake(ANALYSES)
    wait_for(lambda: all(ended(row) for row in rows))
    assert {row.state for row in rows} == {WorkState.SUCCEEDED}
    assert len({row.results["pid"] for row in rows}) == 1
    in_order = sorted(rows, key=lambda row: row.started_at or row.created_at)
    assert [row.priority for row in in_order] == sorted((row.priority for row in rows), reverse=True)
    for one, next_one in pairwise(in_order):
        assert one.priority > next_one.priority or one.queued_at <= next_one.queued_at


def test_words_for_the_user_end_up_in_the_row(start_worker: Start, queue_work: QueueWork) -> None:
    row = queue_work("refuse")
    start_worker()
    wake(ANALYSES)
    wait_for(lambda: ended(row))
    assert row.state == WorkState.FAILED
    assert (row.error_code, row.error_message, row.error_hint) == (
        "no_lungs", "No lungs were found.", "Send a chest CT.",
    )  # fmt: skip


def test_a_bug_is_logged_whole_and_the_user_gets_a_reference(
    start_worker: Start, queue_work: QueueWork
) -> None:
    row = queue_work("bug")
    worker = start_worker()
    wake(ANALYSES)
    wait_for(lambda: ended(row))
    assert row.state == WorkState.FAILED
    assert "inner detail" not in row.error_message
    assert len(row.error_reference) == 36
    log = worker.log.read_text()
    assert row.error_reference in log
    assert "ValueError: inner detail" in log


def test_a_passing_fault_is_tried_again(start_worker: Start, queue_work: QueueWork) -> None:
    row = queue_work("later", until=1)
    start_worker()
    wake(ANALYSES)
    wait_for(lambda: ended(row))
    assert (row.state, row.attempt) == (WorkState.SUCCEEDED, 2)


def test_a_fault_that_does_not_pass_fails_after_its_tries(start_worker: Start, queue_work: QueueWork) -> None:
    row = queue_work("later")
    start_worker()
    wake(ANALYSES)
    wait_for(lambda: ended(row))
    assert (row.state, row.attempt, row.error_code) == (WorkState.FAILED, 2, "busy")


def test_cancelled_work_stops_within_two_seconds_and_the_queue_goes_on(
    start_worker: Start, queue_work: QueueWork
) -> None:
    row = queue_work("slowly", seconds=60)
    start_worker()
    wake(ANALYSES)
    wait_for(lambda: running(row))
    after = queue_work("succeed")
    work.cancel(row)
    started = time.monotonic()
    wait_for(lambda: ended(after))
    assert time.monotonic() - started < 2
    assert row.state == WorkState.RUNNING  # as it was read before
    row.refresh_from_db()
    assert row.state == WorkState.CANCELLED


def test_cancelled_work_that_does_not_listen_is_killed(start_worker: Start, queue_work: QueueWork) -> None:
    row = queue_work("silently", seconds=60)
    worker = start_worker()
    wake(ANALYSES)
    wait_for(lambda: running(row))
    child = worker.child()
    assert child
    work.cancel(row)
    wait_for(lambda: not is_running(child), 3)
    assert Analysis.objects.get(pk=row.pk).state == WorkState.CANCELLED


def test_work_that_hangs_is_killed_at_its_time_limit_and_fails_with_a_sentence(
    start_worker: Start, queue_work: QueueWork
) -> None:
    row, after = queue_work("hang"), queue_work("succeed")
    start_worker(job_seconds=1)
    wake(ANALYSES)
    wait_for(lambda: ended(row) and ended(after), 60)
    assert (row.state, row.attempt, row.error_code) == (WorkState.FAILED, 2, "time_limit")
    assert row.error_message == "The work was stopped after 1 second, the longest it may take."
    assert after.state == WorkState.SUCCEEDED


def test_a_check_that_needs_too_much_memory_fails_with_a_sentence(
    start_worker: Start, queue_work: QueueWork
) -> None:
    series = queue_work("succeed").revision.series
    rows = [
        SeriesRevision.objects.create(
            series=series, number=number, manifest=[], manifest_hash="x", geometry={"do": "eat", "mb": mb}
        )
        for number, mb in ((2, 4000), (3, 1))
    ]
    start_worker(CHECKS, check_memory_mb=2000)
    wake(CHECKS)
    wait_for(lambda: all(ended(row) for row in rows))
    assert (rows[0].state, rows[0].error_code) == (WorkState.FAILED, "memory_limit")
    assert rows[1].state == WorkState.SUCCEEDED


def test_told_to_stop_it_gives_the_row_back_at_once_with_all_its_tries(
    start_worker: Start, queue_work: QueueWork
) -> None:
    row = queue_work("slowly", seconds=60)
    worker = start_worker()
    wake(ANALYSES)
    wait_for(lambda: running(row))
    child = worker.child()
    assert worker.stop(8) == 0
    row.refresh_from_db()
    assert (row.state, row.tries_left, row.finished_at) == (WorkState.QUEUED, 2, None)
    assert child
    assert not is_running(child)


def test_told_to_stop_it_lets_a_row_end_that_is_nearly_done(
    start_worker: Start, queue_work: QueueWork
) -> None:
    row = queue_work("slowly", seconds=2)
    worker = start_worker()
    wake(ANALYSES)
    wait_for(lambda: running(row))
    worker.stop(8)
    row.refresh_from_db()
    assert row.state == WorkState.SUCCEEDED


def test_an_idle_worker_stops_at_once_and_takes_its_child_along(
    start_worker: Start, queue_work: QueueWork
) -> None:
    row = queue_work("succeed")
    worker = start_worker()
    wake(ANALYSES)
    wait_for(lambda: ended(row))
    child = worker.child()
    started = time.monotonic()
    assert worker.stop(5) == 0
    assert time.monotonic() - started < 4
    assert child
    assert not is_running(child)


def test_a_pickle_put_into_the_queue_by_hand_does_not_run(
    start_worker: Start, queue_work: QueueWork, valkey: Valkey, tmp_path: Any
) -> None:
    planted = tmp_path / "planted"
    by_hand = Queue(ANALYSES, connection=redis.Redis.from_url(valkey.url))  # RQ's own default: pickle
    by_hand.enqueue("pathlib.Path.touch", str(planted))
    by_hand.enqueue("os.mkdir", str(planted))
    row = queue_work("succeed")
    wake(ANALYSES)
    worker = start_worker()
    wait_for(lambda: ended(row))
    assert not planted.exists()
    assert worker.log.read_text().count("no wake-up") == 2
