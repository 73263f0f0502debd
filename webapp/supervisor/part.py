"""One process of the site under the supervisor: started, watched, started again, stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO

from webapp.core.processes import die_with_parent

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
STEADY_SECONDS = 30.0
"""A part that ran this long starts again without a pause when it dies."""
LOG_BYTES = 10 << 20


class Part:
    """A command that must run as long as the supervisor does. It dies with the supervisor."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], logs: Path) -> None:
        self.name = name
        self.command = list(command)
        self.environment = dict(environment)
        self.log = logs / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._pause = FIRST_PAUSE
        self._start_at = 0.0

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Start the process in a session of its own: Ctrl-C reaches the supervisor only."""
        with self._open_log() as log:
            self._process = subprocess.Popen(
                self.command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=partial(die_with_parent, os.getpid(), signal.SIGTERM),
            )
        self._started = time.monotonic()

    def look(self) -> str | None:
        """Start the process again if it has died, after a pause that grows; return what to tell the user."""
        now = time.monotonic()
        if self._process is not None:
            status = self._process.poll()
            if status is None:
                return None
            self._process = None
            self._pause = FIRST_PAUSE if now - self._started > STEADY_SECONDS else self._pause
            self._start_at = now + self._pause
            told = f"{self.name} stopped ({_in_words(status)}), starting again. See {self.log}"
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
            return told
        if now >= self._start_at:
            self.start()
        return None

    def terminate(self) -> None:
        """Ask the process to stop."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def end(self, deadline: float) -> None:
        """Wait for it until ``deadline`` (monotonic), then kill it."""
        if self._process is None:
            return
        try:
            self._process.wait(max(deadline - time.monotonic(), 0.01))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _open_log(self) -> IO[bytes]:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        return self.log.open("ab")


class Errand(Part):
    """A command that ends by itself. When it fails it is told once and not started again."""

    def look(self) -> str | None:
        """Return what to tell the user when it has just failed."""
        status = None if self._process is None else self._process.poll()
        if status is None:
            return None
        self._process = None
        return f"{self.name} failed ({_in_words(status)}). See {self.log}" if status else None


def _in_words(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"exit {status}"
