"""The parent's end of its warm child: start it, send it a row, hear from it, kill it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time

from webapp.core.models import Work

START_SECONDS = 180.0
"""A child that has not loaded its networks by then never will."""
LEAVE_SECONDS = 2.0


class ChildGone(Exception):
    """The child has died or closed its pipe."""


class Child:
    """One child process serving ``queue``, in a session of its own so that Ctrl-C does not reach it."""

    def __init__(self, module: str, queue: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, queue, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._unread = b""
        self._started = time.monotonic()
        self.ready = False

    @property
    def pid(self) -> int:
        """The process id, for logs and tests."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    @property
    def is_late(self) -> bool:
        """Whether it should have been ready long ago."""
        return not self.ready and time.monotonic() - self._started > START_SECONDS

    def send(self, row: Work) -> None:
        """Hand a claimed row over. Raises ChildGone."""
        request = {"model": row._meta.label_lower, "id": str(row.pk), "attempt": row.attempt}
        stdin = self._process.stdin
        try:
            if stdin is not None:
                stdin.write(json.dumps(request).encode() + b"\n")
                stdin.flush()
        except OSError as error:
            raise ChildGone from error

    def answered(self, seconds: float) -> bool:
        """Wait up to ``seconds`` for the next answer; True when it came. Raises ChildGone."""
        if self._process.stdout is None:
            raise ChildGone
        if b"\n" not in self._unread:
            readable, _, _ = select.select([self._process.stdout], [], [], seconds)
            if not readable:
                return False
            received = os.read(self._process.stdout.fileno(), 65536)
            if not received:
                raise ChildGone
            self._unread += received
        _, newline, rest = self._unread.partition(b"\n")
        if not newline:
            return False
        self._unread = rest
        self.ready = True
        return True

    def kill(self) -> int:
        """Kill it and return how it ended (negative: by that signal)."""
        self._process.kill()
        return self._ended()

    def leave(self) -> None:
        """Let it end by itself, and kill it when it does not."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._ended()

    def _ended(self) -> int:
        status = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        return status
