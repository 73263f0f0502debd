"""What must be in order before the site starts. Each fault is one sentence."""

from __future__ import annotations

import fcntl
import hashlib
import socket
from pathlib import Path
from typing import IO

from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.exceptions import InconsistentMigrationHistory


def lock_data(data: Path) -> IO[str]:
    """Keep the data folder for this supervisor while the returned file is open."""
    try:
        (data / "run").mkdir(parents=True, exist_ok=True)
        file = (data / "run" / "lock").open("w")
    except OSError as error:
        raise CommandError(f"The data folder {data} cannot be written ({error.strerror}).") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise CommandError(f"Lungsight is already running on {data}. Stop it first.") from error
    return file


def check_port(port: int) -> None:
    """Raise CommandError when something listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CommandError(
                f"Port {port} cannot be used ({error.strerror}). "
                f"Choose another one: PORT={port + 1} make run."
            ) from error


def prepare_database() -> None:
    """Bring the database to the present tables. Raises CommandError when it cannot be used."""
    try:
        call_command("migrate", verbosity=0, interactive=False)
    except (DatabaseError, InterfaceError, InconsistentMigrationHistory) as error:
        name = connection.settings_dict["NAME"]
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise CommandError(
            f"The database {name} cannot be used ({reason}). Restore it from a backup, or set DATABASE_URL."
        ) from error
    finally:
        connection.close()


def collect_static() -> bool:
    """Collect static files unless nothing has changed since the last time; tell whether it was done."""
    if not settings.STATICFILES_DIRS:
        raise CommandError("The frontend is not built. Run make install first.")
    root = Path(settings.STATIC_ROOT)
    root.mkdir(parents=True, exist_ok=True)
    stamp = root / "collected"
    # Sites on other data folders share the static files: one collects, the others wait and find it done.
    with (root / "collecting").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = _static_fingerprint()
        if stamp.exists() and stamp.read_text() == wanted:
            return False
        call_command("collectstatic", verbosity=0, interactive=False)
        stamp.write_text(wanted)
    return True


def _static_fingerprint() -> str:
    """Return a hash over names, sizes and times of all files that would be collected."""
    from django.contrib.staticfiles.finders import get_finders

    digest = hashlib.sha256(settings.STORAGES["staticfiles"]["BACKEND"].encode())
    for finder in get_finders():
        for name, storage in sorted(finder.list([]), key=lambda found: found[0]):
            file = Path(storage.path(name)).stat()
            digest.update(f"{name} {file.st_size} {file.st_mtime_ns}\n".encode())
    return digest.hexdigest()
