"""Real threads on the real database: nobody gets a row twice, no change is lost. Runs on SQLite too."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest
from django.db import connection

from webapp.accounts.factories import HospitalFactory, UserFactory
from webapp.accounts.models import Hospital
from webapp.cohorts.factories import CohortFactory
from webapp.core import work
from webapp.core.revisions import StaleRevision, change
from webapp.imaging.models import Upload

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

ROUNDS = 200


def at_once(*jobs: Callable[[], None]) -> None:
    """Run ``jobs`` in a thread each, started together; raise what the first broken one raised."""
    barrier = threading.Barrier(len(jobs))
    broken: list[BaseException] = []

    def run(job: Callable[[], None]) -> None:
        try:
            barrier.wait(20)
            job()
        except BaseException as error:  # noqa: BLE001
            broken.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)
    if broken:
        raise broken[0]


def test_four_workers_never_get_the_same_row_and_leave_none() -> None:
    user, cohort = UserFactory(), CohortFactory()
    rows = {Upload.objects.create(user=user, cohort=cohort, receiving=False).pk for _ in range(60)}
    claimed: list[object] = []

    def drain() -> None:
        while row := work.claim(Upload, work.worker_name()):
            claimed.append(row.pk)

    at_once(drain, drain, drain, drain)
    assert len(claimed) == 60
    assert set(claimed) == rows


def test_two_writers_of_one_row_lose_no_update_in_200_rounds() -> None:
    hospital = HospitalFactory(name="0")
    conflicts = []

    def count() -> None:
        for _ in range(ROUNDS):
            while True:
                read = Hospital.objects.get(pk=hospital.pk)
                try:
                    change(read, read.revision, name=str(int(read.name) + 1))
                except StaleRevision:
                    conflicts.append(1)
                else:
                    break

    at_once(count, count)
    hospital.refresh_from_db()
    assert hospital.name == str(2 * ROUNDS)
    assert hospital.revision == 1 + 2 * ROUNDS


def test_of_two_changes_based_on_the_same_revision_exactly_one_is_written() -> None:
    hospital = HospitalFactory()
    for revision in range(1, 21):
        written: list[str] = []

        def write(name: str, based_on: int = revision, written: list[str] = written) -> None:
            with suppress(StaleRevision):
                written.append(change(hospital, based_on, name=name).name)

        at_once(partial(write, f"first {revision}"), partial(write, f"second {revision}"))
        hospital.refresh_from_db()
        assert written == [hospital.name]
        assert hospital.revision == revision + 1
