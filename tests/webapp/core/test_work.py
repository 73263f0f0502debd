"""Every state x operation of leased work, on the real rows of an upload."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from webapp.accounts.factories import UserFactory
from webapp.cohorts.factories import CohortFactory
from webapp.core import work
from webapp.core.models import WorkState
from webapp.imaging.models import Upload

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLED = WorkState
ENDED = (SUCCEEDED, FAILED, CANCELLED)


def work_in(state: WorkState, **fields: object) -> Upload:
    """Return work in ``state``; running work is held by attempt 1 for another minute."""
    ready = {"receiving": False}
    held = {"attempt": 1, "tries_left": 1, "lease_until": timezone.now() + timedelta(minutes=1)}
    return Upload.objects.create(
        user=UserFactory(),
        cohort=CohortFactory(),
        state=state,
        **ready | (held if state == RUNNING else {}) | fields,
    )


def overdue(**fields: object) -> Upload:
    return work_in(RUNNING, lease_until=timezone.now() - timedelta(seconds=1), **fields)


def claim(row: Upload) -> None:
    if work.claim(Upload, "worker") is None:
        raise work.LostLease


def refuse_if(said: bool) -> None:
    if not said:
        raise work.LostLease


OPERATIONS: dict[str, Callable[[Upload], None]] = {
    "claim": claim,
    "keep": lambda row: work.keep(row, stage="lungs", progress=0.5),
    "succeed": lambda row: work.finish(row, SUCCEEDED),
    "fail": lambda row: work.finish(row, FAILED, error_code="no_lungs"),
    "give back": lambda row: work.finish(row, QUEUED),
    "cancel": lambda row: refuse_if(work.cancel(row)),
    "retry": lambda row: refuse_if(work.retry(row)),
}
OUTCOMES: dict[tuple[WorkState, str], WorkState] = {
    (QUEUED, "claim"): RUNNING,
    (QUEUED, "cancel"): CANCELLED,
    (RUNNING, "keep"): RUNNING,
    (RUNNING, "succeed"): SUCCEEDED,
    (RUNNING, "fail"): FAILED,
    (RUNNING, "give back"): QUEUED,
    (RUNNING, "cancel"): CANCELLED,
    (FAILED, "retry"): QUEUED,
    (CANCELLED, "retry"): QUEUED,
}
"""Every pair that is not listed must be refused and leave the row as it was."""


@pytest.mark.parametrize("state", list(WorkState))
@pytest.mark.parametrize("operation", list(OPERATIONS))
def test_every_operation_in_every_state_ends_where_the_table_says(state: WorkState, operation: str) -> None:
    row = work_in(state)
    expected = OUTCOMES.get((state, operation))
    if expected is None:
        with pytest.raises(work.LostLease):
            OPERATIONS[operation](row)
        assert Upload.objects.filter(pk=row.pk, state=state, attempt=row.attempt).exists()
        return
    OPERATIONS[operation](row)
    row.refresh_from_db()
    assert row.state == expected
    assert expected in work.TRANSITIONS[state]


def test_the_transition_table_holds_no_move_that_no_operation_makes() -> None:
    made = {(state, outcome) for (state, _), outcome in OUTCOMES.items()}
    allowed = {
        (WorkState(state), WorkState(to)) for state, targets in work.TRANSITIONS.items() for to in targets
    }
    assert allowed == made


def test_queued_work_that_still_waits_for_its_files_is_not_claimed() -> None:
    work_in(QUEUED, receiving=True)
    assert work.claim(Upload, "worker") is None


def test_work_cannot_be_finished_as_running() -> None:
    with pytest.raises(ValueError, match="cannot become"):
        work.finish(work_in(RUNNING), RUNNING)


def test_the_highest_priority_goes_first_and_equals_in_order_of_queueing() -> None:
    now = timezone.now()
    late, early, urgent = (work_in(QUEUED, priority=priority) for priority in (0, 0, 5))
    for row, minutes in ((late, 1), (early, 3), (urgent, 0)):
        Upload.objects.filter(pk=row.pk).update(queued_at=now - timedelta(minutes=minutes))
    claimed = [work.claim(Upload, "worker") for _ in range(4)]
    assert [row and row.pk for row in claimed] == [urgent.pk, early.pk, late.pk, None]


def test_a_claim_takes_a_lease_a_try_and_clears_what_the_last_attempt_told(settings: Settings) -> None:
    settings.LUNGSIGHT_LEASE_SECONDS = 30
    row = work_in(QUEUED, stage="lungs", progress=0.7, tries_left=2)
    claimed = work.claim(Upload, "worker-1")
    assert claimed is not None
    assert (claimed.attempt, claimed.tries_left, claimed.worker) == (1, 1, "worker-1")
    assert (claimed.stage, claimed.progress) == ("", 0.0)
    assert claimed.pk == row.pk
    assert claimed.lease_until is not None
    assert 25 < (claimed.lease_until - timezone.now()).total_seconds() <= 30


def test_work_whose_lease_ran_out_is_taken_over_and_the_first_worker_is_fenced_out() -> None:
    first = overdue()
    second = work.claim(Upload, "second")
    assert second is not None
    assert (second.pk, second.attempt) == (first.pk, 2)
    for late in (OPERATIONS["keep"], OPERATIONS["succeed"], OPERATIONS["fail"], OPERATIONS["give back"]):
        with pytest.raises(work.LostLease):
            late(first)
    work.finish(second, SUCCEEDED)
    second.refresh_from_db()
    assert (second.state, second.worker) == (SUCCEEDED, "second")


def test_work_under_a_lease_is_not_given_to_anybody_else() -> None:
    work_in(RUNNING)
    assert work.claim(Upload, "other") is None


def test_a_sign_of_life_renews_the_lease_and_tells_stage_and_progress() -> None:
    row = overdue()
    work.keep(row, stage="lungs", progress=0.25)
    row.refresh_from_db()
    assert row.lease_until is not None
    assert row.lease_until > timezone.now()
    assert (row.stage, row.progress) == ("lungs", 0.25)
    assert work.claim(Upload, "other") is None


def test_work_without_tries_left_is_not_claimed_again() -> None:
    overdue(tries_left=0)
    work_in(QUEUED, tries_left=0)
    assert work.claim(Upload, "worker") is None


def test_work_that_killed_every_worker_is_failed_with_words_for_the_user() -> None:
    row = overdue(tries_left=0)
    assert work.fail_exhausted(Upload) == [row]
    row.refresh_from_db()
    assert (row.state, row.error_code) == (FAILED, "worker_lost")
    assert row.error_message
    assert row.error_hint


@pytest.mark.parametrize("fields", [{"tries_left": 1}, {"tries_left": 0, "lease_until": None}])
def test_work_that_may_still_end_by_itself_is_not_failed(fields: dict[str, object]) -> None:
    row = overdue(**fields) if "lease_until" not in fields else work_in(RUNNING, tries_left=0)
    assert work.fail_exhausted(Upload) == []
    row.refresh_from_db()
    assert row.state == RUNNING


def test_a_retry_starts_afresh(settings: Settings) -> None:
    settings.LUNGSIGHT_TRIES = 3
    row = work_in(FAILED, tries_left=0, error_code="no_lungs", error_message="No lungs found.", progress=0.5)
    assert work.retry(row)
    row.refresh_from_db()
    assert (row.state, row.tries_left, row.error_code, row.error_message, row.progress) == (
        QUEUED, 3, "", "", 0.0,
    )  # fmt: skip
    assert row.finished_at is None


def test_cancelled_work_fences_out_its_worker() -> None:
    row = work_in(RUNNING)
    assert work.cancel(row)
    with pytest.raises(work.LostLease):
        work.finish(row, SUCCEEDED)


def test_a_retried_row_fences_out_the_worker_that_was_cancelled() -> None:
    first = work_in(RUNNING)
    work.cancel(first)
    work.retry(first)
    second = work.claim(Upload, "second")
    assert second is not None
    with pytest.raises(work.LostLease):
        work.finish(first, SUCCEEDED)
