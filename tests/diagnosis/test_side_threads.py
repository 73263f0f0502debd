"""Work on side threads: in order, no further ahead than asked, one core each, and nothing left behind."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import get_ident

import pytest
import torch

from diagnosis.side_threads import in_order, side_threads


@pytest.fixture(autouse=True)
def two_cores() -> Iterator[None]:
    """Two for the caller, which is to keep them."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_results_come_in_the_given_order_with_one_core_each() -> None:
    def work(number: int) -> tuple[int, int]:
        time.sleep(0.02 if number == 3 else 0)
        return torch.get_num_threads(), get_ident()

    with side_threads(2) as pool:
        found = dict(in_order(pool, work, [3, 1, 2], 2))
        assert torch.get_num_threads() == 2
    assert list(found) == [3, 1, 2]
    assert {cores for cores, _ in found.values()} == {1}
    assert get_ident() not in {thread for _, thread in found.values()}


def test_threads_to_come_have_the_callers_number_of_cores() -> None:
    with side_threads(1) as pool:
        pool.submit(torch.get_num_threads).result()
    with ThreadPoolExecutor(1) as others:
        assert others.submit(torch.get_num_threads).result() == 2


def test_no_more_is_begun_than_asked_for_and_whoever_stops_leaves_nothing_running() -> None:
    begun: list[int] = []
    ended: list[int] = []

    def work(number: int) -> None:
        begun.append(number)
        time.sleep(0.01)
        ended.append(number)

    with side_threads(2) as pool:
        for number, _ in in_order(pool, work, range(50), 3):
            assert len(begun) <= number + 3
            if number == 4:
                break
    assert len(begun) <= 7
    assert sorted(begun) == sorted(ended)


def test_what_work_raises_is_raised_where_its_result_is_asked_for() -> None:
    def work(number: int) -> float:
        return 1 / number

    with side_threads(1) as pool:
        results = in_order(pool, work, [1, 0], 2)
        assert next(results) == (1, 1.0)
        with pytest.raises(ZeroDivisionError):
            next(results)
