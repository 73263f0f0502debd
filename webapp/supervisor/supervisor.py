"""Starts the parts of the site in order, keeps them running, and stops all of them."""

from __future__ import annotations

import http.client
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis
from django.conf import settings
from django.core.management import CommandError

from webapp.core import wakeups, words
from webapp.supervisor import demo_studies, parts, preparing
from webapp.supervisor.demo import Account, demo_accounts, demo_is_made
from webapp.supervisor.part import Part

LOOK_SECONDS = 0.2
READY_SECONDS = 90.0
STOP_SECONDS = 8.0


class Stopped(Exception):
    """SIGINT or SIGTERM came."""


class Supervisor:
    """One run of the site. ``tell`` prints a line for the person who started it."""

    def __init__(self, port: int, tell: Callable[[str], object]) -> None:
        self.port = port
        self.tell = tell
        self.data = Path(settings.LUNGSIGHT_DATA)
        self._valkey: Part | None = None
        self._site: list[Part] = []

    def run(self) -> None:
        """Start everything and stay until SIGINT or SIGTERM. Raises CommandError with one sentence."""
        os.umask(0o077)
        with preparing.lock_data(self.data):
            preparing.check_port(self.port)
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, _stop)
            try:
                self._run()
            except Stopped:
                self.tell("Stopping")
            finally:
                for number in (signal.SIGINT, signal.SIGTERM):
                    signal.signal(number, signal.SIG_IGN)
                self._stop_all()
            self.tell("Stopped")

    def _run(self) -> None:
        self._start_valkey()
        self.tell("Preparing the database")
        preparing.prepare_database()
        is_new = not demo_is_made(self.data)
        accounts = demo_accounts(self.data)
        if is_new and accounts:
            demo_studies.want_demo_studies(self.data)
        if preparing.collect_static():
            self.tell("Collected the static files")
        self._site = parts.site(self.data, self.port)
        for part in self._site:
            part.start()
        self._wait_until_ready()
        self._welcome(accounts)
        self._start_demo_studies()
        while True:
            self._look()

    def _start_valkey(self) -> None:
        if os.environ.get("REDIS_URL"):
            return
        try:
            self._valkey = parts.valkey(self.data)
        except OSError as error:
            raise CommandError(f"Valkey cannot be started ({error}).") from error
        self._valkey.start()
        for _ in range(100):
            try:
                wakeups.connection().ping()
            except redis.RedisError:
                time.sleep(0.1)
            else:
                return
            if self._valkey.pid is None:
                break
        raise CommandError(f"Valkey did not start. See {self._valkey.log}.")

    def _start_demo_studies(self) -> None:
        """Once the site is ready: what is made in the background must not hold up its start."""
        if settings.LUNGSIGHT_DEMO_STUDIES and demo_studies.wanted(self.data):
            errand = parts.demo_studies(self.data)
            errand.start()
            self._site.append(errand)
            self.tell("Demo studies are being made and appear in the worklist within some minutes.")

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            self._look()
            if self._is_ready():
                return
        raise CommandError(f"The site did not get ready. See {self.data / 'logs'}.")

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _look(self) -> None:
        time.sleep(LOOK_SECONDS)
        for part in filter(None, [self._valkey, *self._site]):
            if told := part.look():
                self.tell(told)

    def _welcome(self, accounts: list[Account]) -> None:
        self.tell(f"\nLungsight is running at {self._url()}")
        for account in accounts:
            self.tell(f"  {account.role:<14} {account.email}  password: {account.password}")
        self.tell(f"{words.RESEARCH_USE}\nCtrl-C stops it. Logs: {self.data / 'logs'}\n")

    def _url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def _stop_all(self) -> None:
        """Stop the site first and Valkey last, so that workers can sign off."""
        deadline = time.monotonic() + STOP_SECONDS
        for part in self._site:
            part.terminate()
        for part in self._site:
            part.end(deadline)
        if self._valkey is not None:
            self._valkey.terminate()
            self._valkey.end(time.monotonic() + 3)


def _stop(signum: int, frame: Any) -> None:
    raise Stopped
