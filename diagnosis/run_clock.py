"""How far a run is, and how long each of its stages took."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np

Progress = Callable[[float], None]
"""Called with the finished part of a stage, 0..1. May raise to stop the work."""
StageProgress = Callable[[str, float], None]
"""Called with the stage's name and the finished part of the whole run, 0..1. May raise to stop."""


class RunClock:
    """Times the stages and turns the part of a stage into the part of the whole.

    ``names`` are the stages in order, ``weights`` their usual share of the time (1.0 where not named).
    """

    def __init__(self, names: Sequence[str], weights: Mapping[str, float], progress: StageProgress) -> None:
        self.seconds: dict[str, float] = {}
        self._progress = progress
        shares = [weights.get(name, 1.0) for name in names]
        ends = np.cumsum(shares) / sum(shares)
        self._span = dict(zip(names, zip([0.0, *ends[:-1]], ends, strict=True), strict=True))
        self._name = ""

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Run one stage; its seconds are kept when it ends without an error."""
        self._name = name
        self.part(0.0)
        started = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - started
        self.part(1.0)

    def part(self, done: float) -> None:
        """Tell the finished part, 0..1, of the stage that runs."""
        start, end = self._span[self._name]
        self._progress(self._name, float(start + (end - start) * min(max(done, 0.0), 1.0)))


@contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Time one stage of a system; its seconds are kept when it ends without an error."""
    started = time.monotonic()
    yield
    seconds[stage] = time.monotonic() - started


def peak_memory_mb() -> float:
    """Return the largest resident size this process has had, in MB."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / 1e6 if sys.platform == "darwin" else kilobytes / 1e3
