"""The same author in two tabs, on real threads and the real database: no save is lost, none is doubled."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest
from django.db import connection

from tests.webapp.conftest import World
from webapp.accounts.models import User
from webapp.analyses.factories import ready_series
from webapp.audit.models import AuditEvent
from webapp.core.revisions import StaleRevision
from webapp.reviews.factories import draft
from webapp.reviews.models import Reading
from webapp.reviews.services.changing import Changes, change_reading
from webapp.reviews.services.regions import add_own_region, find_region, put_mask
from webapp.reviews.services.starting import start_reading

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

ROUNDS = 200


def run(*jobs: Callable[[], None]) -> None:
    """Run ``jobs`` in a thread each; raise what the first broken one raised."""
    broken: list[BaseException] = []

    def guarded(job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as error:  # noqa: BLE001
            broken.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=guarded, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(110)
    if broken:
        raise broken[0]


def save_until_written(reader: User, reading: Reading, word: str) -> None:
    """Add ``word`` to the note; after a conflict read again and merge, as a client does."""
    while True:
        current = Reading.objects.get(pk=reading.pk)
        note = f"{current.answers.get('note', '')} {word}".strip()
        try:
            change_reading(
                user=reader,
                reading=current,
                based_on=current.revision,
                changes=Changes(answers={"note": note}),
            )
        except StaleRevision:
            continue
        return


def test_two_writers_of_200_rounds_lose_no_update(world: World) -> None:
    reading = draft(world.reader, ready_series(world.cohort))

    def tab(name: str) -> None:
        for number in range(ROUNDS):
            save_until_written(world.reader, reading, f"{name}{number}")

    run(lambda: tab("a"), lambda: tab("b"))
    reading.refresh_from_db()
    expected = {f"{name}{number}" for name in "ab" for number in range(ROUNDS)}
    words = reading.answers["note"].split()
    assert len(words) == len(expected)
    assert set(words) == expected
    assert reading.revision == 1 + 2 * ROUNDS
    assert AuditEvent.objects.filter(action="reading.changed").count() == 2 * ROUNDS


def test_of_two_saves_based_on_the_same_revision_one_is_written_whole(world: World) -> None:
    reading = draft(world.reader, ready_series(world.cohort))
    for number in range(20):
        based_on = Reading.objects.get(pk=reading.pk)
        written: list[str] = []
        meet = threading.Barrier(2)

        def save(
            name: str,
            current: Reading = based_on,
            written: list[str] = written,
            meet: threading.Barrier = meet,
        ) -> None:
            meet.wait(20)
            changes = Changes(answers={"note": name, "co_rads": 1 + len(name)})
            try:
                change_reading(user=world.reader, reading=current, based_on=current.revision, changes=changes)
            except StaleRevision:
                return
            written.append(name)

        run(lambda: save("x"), lambda: save("yy"))
        reading.refresh_from_db()
        assert len(written) == 1
        assert reading.answers == {"note": written[0], "co_rads": 1 + len(written[0])}
        assert reading.revision == number + 2


def test_a_drawing_that_comes_too_late_does_not_replace_the_one_that_came_first(world: World) -> None:
    reading = draft(world.reader, ready_series(world.cohort))
    reading = add_own_region(user=world.reader, reading=reading, based_on=1)
    region = find_region(reading, reading.own_regions.get().pk)
    assert region is not None
    written: list[bytes] = []
    meet = threading.Barrier(2)

    def draw(packed: bytes) -> None:
        meet.wait(20)
        try:
            put_mask(
                user=world.reader,
                reading=reading,
                based_on=2,
                region=region,
                box=(0, 0, 0, 2, 2, 2),
                packed=packed,
            )
        except StaleRevision:
            return
        written.append(packed)

    run(lambda: draw(b"\xf0"), lambda: draw(b"\x0f"))
    assert len(written) == 1
    mask = reading.own_regions.get().mask
    assert mask is not None
    assert mask.voxels == int(np.unpackbits(np.frombuffer(written[0], np.uint8)).sum())


def test_two_tabs_that_begin_at_once_get_one_reading(world: World) -> None:
    series = ready_series(world.cohort)
    begun: list[tuple[object, bool]] = []
    meet = threading.Barrier(4)

    def begin() -> None:
        meet.wait(20)
        reading, made = start_reading(user=world.reader, series=series)
        begun.append((reading.pk, made))

    run(begin, begin, begin, begin)
    assert len({pk for pk, _ in begun}) == 1
    assert [made for _, made in begun].count(True) == 1
