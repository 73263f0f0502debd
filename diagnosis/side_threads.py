"""Work on threads beside the caller's, each with one of torch's threads, results in the given order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextmanager
def side_threads(count: int) -> Iterator[Executor]:
    """Give ``count`` threads on which torch takes one core each; the caller's number of cores stays.

    On leaving, what has not begun is dropped and what has is waited for.
    """
    before = torch.get_num_threads()
    with ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)
            # The number is each thread's own, but threads to come take the one that was set last.
            torch.set_num_threads(before)


def in_order(
    pool: Executor, work: Callable[[Item], Result], items: Iterable[Item], ahead: int
) -> Generator[tuple[Item, Result], None, None]:
    """Yield each item with what ``work`` makes of it; at most ``ahead`` are asked for at a time."""
    left = iter(items)
    waiting: deque[tuple[Item, Future[Result]]] = deque()
    while True:
        waiting.extend((item, pool.submit(work, item)) for item in islice(left, ahead - len(waiting)))
        if not waiting:
            return
        item, future = waiting.popleft()
        yield item, future.result()
