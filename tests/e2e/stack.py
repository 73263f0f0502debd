"""The whole site as a user starts it: ``manage.py run`` on an empty data folder, in processes of its own."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.processes import command_of, descendants
from tests.services import free_port

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120


@dataclass(frozen=True)
class Account:
    """Somebody who can sign in."""

    email: str
    password: str


OWN_DATABASE = ""
"""DATABASE_URL of a second site: the embedded database in its data folder. The demo is made once in each."""


class Site:
    """A running site. ``administrator`` and ``reader`` are the demo's people, ``cohort`` its cohort.

    ``environment`` goes before what every site of the tests gets.
    """

    cohort = "demo"

    def __init__(self, data: Path, log: Path, **environment: str) -> None:
        self.data = data
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = {
            name: value
            for name, value in os.environ.items()
            # The site brings its own Valkey, and its own settings instead of the tests'.
            if name not in ("REDIS_URL", "DJANGO_SETTINGS_MODULE")
        } | {
            "LUNGSIGHT_DATA": str(data), "PORT": str(self.port), "LUNGSIGHT_DEMO_STUDIES": "0",
            # Box chests have known truth for the rules, not for networks.
            "LUNGSIGHT_WEIGHTS": "none",
        } | environment  # fmt: skip
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", "run"], cwd=ROOT, env=self._environment, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self._wait_until_ready(log)
        people = {one["role"]: one for one in json.loads((data / "demo-accounts.json").read_text())}
        self.administrator = Account(people["administrator"]["email"], people["administrator"]["password"])
        self.reader = Account(people["reader"]["email"], people["reader"]["password"])

    def _wait_until_ready(self, log: Path) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"the site ended while starting:\n{log.read_text()[-3000:]}")
            if self._answers() and (self.data / "demo-accounts.json").exists():
                return
            time.sleep(0.3)
        self.stop()
        raise RuntimeError(f"the site did not get ready:\n{log.read_text()[-3000:]}")

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (OSError, http.client.HTTPException):
            return False

    def stop(self) -> None:
        """Stop everything that was started, as Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def kill_web(self) -> None:
        """Kill the web process as a lack of memory would; the supervisor starts another one."""
        (web,) = [pid for pid in descendants(self._process.pid) if "uvicorn webapp.asgi" in command_of(pid)]
        os.kill(web, signal.SIGKILL)

    def manage(self, *arguments: str) -> str:
        """Run a management command on the site's data; give what it prints."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=ROOT, env=self._environment, check=True,
            capture_output=True, text=True,
        )  # fmt: skip
        return done.stdout

    def add_user(self, email: str, role: str, cohort: str) -> Account:
        """Add somebody from the command line."""
        printed = self.manage("add_user", email, "--role", role, "--cohort", cohort)
        return Account(email, printed.split("password: ")[1].split()[0])

    def add_cohort(self, slug: str, **fields: Any) -> None:
        """Add a cohort of the demo hospital through the API, as its administrator."""
        (hospital, *_) = self.api(self.administrator, "hospitals/")["results"]
        self.api(
            self.administrator,
            "cohorts/",
            {"slug": slug, "name": slug.title(), "hospital": hospital["slug"]} | fields,
        )

    def api(self, account: Account, path: str, body: dict[str, Any] | None = None) -> Any:
        """Ask the API with a token of ``account``; with ``body`` by POST."""
        who = {"email": account.email, "password": account.password}
        token = self._request("auth/token/", who, {})["token"]
        return self._request(path, body, {"Authorization": f"Token {token}"})

    def _request(self, path: str, body: dict[str, Any] | None, headers: dict[str, str]) -> Any:
        request = urllib.request.Request(
            f"{self.url}/api/v1/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers=headers | {"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            raise AssertionError(f"{path}: {refused.code} {refused.read()[:500]!r}") from refused
