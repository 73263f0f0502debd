"""The whole site as ``make run`` starts it, on SQLite in a folder of its own."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection as Connection
from websockets.sync.client import connect

from diagnosis.weight_files import NO_WEIGHTS
from tests.phantoms import chest_phantom, write_dicom_series
from tests.processes import command_of, descendants
from tests.services import free_port

PARTS = {
    "valkey": "valkey",
    "web": "uvicorn",
    "reconciler": "reconcile",
    "worker-checks": "gpu_worker checks",
    "worker-analyses": "gpu_worker analyses",
    "child-checks": "gpu_worker.child checks",
    "child-analyses": "gpu_worker.child analyses",
}
"""The processes of the site, by a word of their command lines."""
REPOSITORY = Path(__file__).resolve().parents[3]


class Site:
    """A running ``manage.py run``."""

    def __init__(self, data: Path, **environment: str) -> None:
        self.data = data
        self.port = free_port()
        self.output = data.parent / f"output-{uuid.uuid4().hex[:6]}.txt"
        ours = ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE")
        kept = {name: value for name, value in os.environ.items() if name not in ours}
        self.started = time.monotonic()
        with self.output.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, str(REPOSITORY / "manage.py"), "run"],
                env={**kept, "LUNGSIGHT_DATA": str(data), "PORT": str(self.port),
                     "LUNGSIGHT_LEASE_SECONDS": "5", "LUNGSIGHT_RECONCILE_SECONDS": "1",
                     # Box chests have known truth for the rules, and children without networks start sooner.
                     "LUNGSIGHT_DEMO_STUDIES": "0", "LUNGSIGHT_WEIGHTS": NO_WEIGHTS, **environment},
                stdout=file, stderr=subprocess.STDOUT, start_new_session=True, cwd=data.parent,
            )  # fmt: skip

    def said(self) -> str:
        return self.output.read_text()

    def wait_until_ready(self, seconds: float = 90) -> float:
        """Return how long the start took."""
        wait_for(lambda: "is running at" in self.said() or self.process.poll() is not None, seconds)
        assert self.process.poll() is None, self.said()
        return time.monotonic() - self.started

    def pids(self) -> dict[str, int]:
        """Return the running processes below the supervisor by a word of their command line."""
        below = {pid: command_of(pid) for pid in descendants(self.process.pid)}
        return {name: pid for name, word in PARTS.items() for pid, said in below.items() if word in said}

    def password(self, role: str = "reader") -> str:
        found = re.search(rf"{role} +\S+ +password: (\S+)", self.said())
        assert found, self.said()
        return found[1]

    def token(self) -> str:
        body = {"email": "reader@example.org", "password": self.password()}
        return str(self.call("POST", "auth/token/", body)["token"])

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Call the API and return its JSON; connection faults raise OSError."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/v1/{path}", data, method=method,
            headers={"Content-Type": "application/json", **headers},
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def upload(self, token: str, archive: bytes) -> str:
        """Send a zip into the demo cohort and return the upload's id."""
        boundary = uuid.uuid4().hex
        body = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="chest.zip"\r\n'
            "Content-Type: application/zip\r\n\r\n"
        ).encode() + archive + f"\r\n--{boundary}--\r\n".encode()  # fmt: skip
        answer = self.call(
            "POST", "uploads/", body, Authorization=f"Token {token}",
            **{"Content-Type": f"multipart/form-data; boundary={boundary}"},
        )  # fmt: skip
        return str(answer["id"])

    def analysis_of(self, token: str, upload: str, seconds: float = 90) -> Any:
        """Wait until the upload's analysis has ended and return it."""
        wait_for(lambda: self._get(token, f"uploads/{upload}/").get("state") in ("done", "failed"), seconds)
        told = self._get(token, f"uploads/{upload}/")
        assert len(told["analyses"]) == 1, told
        path = f"analyses/{told['analyses'][0]}/"
        wait_for(lambda: self._get(token, path).get("state") in ("succeeded", "failed"), seconds)
        return self._get(token, path)

    def listens(self, token: str) -> Connection:
        """Open the worklist's WebSocket."""
        return connect(f"ws://127.0.0.1:{self.port}/ws/worklist/?token={token}", proxy=None)

    def stop(self, with_signal: int = signal.SIGINT, seconds: float = 20) -> None:
        self.process.send_signal(with_signal)
        self.process.wait(seconds)

    def _get(self, token: str, path: str) -> Any:
        """Return the JSON, or nothing while the web process is away."""
        try:
            return self.call("GET", path, Authorization=f"Token {token}")
        except OSError:
            return {}


def wait_for(condition: Callable[[], Any], seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := condition():
            return answer
        time.sleep(0.1)
    pytest.fail(f"nothing happened within {seconds} s")


@pytest.fixture
def start_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Start the site; none of its processes outlives the test."""
    sites: list[Site] = []

    def start(data: Path | None = None, **environment: str) -> Site:
        sites.append(Site(data or tmp_path / "data", **environment))
        return sites[-1]

    yield start
    for site in sites:
        if site.process.poll() is None:
            site.stop(signal.SIGTERM)


@pytest.fixture(scope="module")
def running_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site that is ready, one for all tests that leave it running. Its path is too long for a socket."""
    data = tmp_path_factory.mktemp("site") / ("long" * 20) / ("path" * 10) / "data"
    data.parent.mkdir(parents=True)
    site = Site(data)
    site.wait_until_ready()
    yield site
    site.stop(signal.SIGTERM, 60)


@pytest.fixture
def archive(tmp_path: Path) -> bytes:
    """A phantom chest CT of a study of its own, as a zip of DICOM files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for path in write_dicom_series(chest_phantom().volume, tmp_path / "chest"):
            file.write(path, path.name)
    return packed.getvalue()
