"""Where the embedded Valkey listens."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

LONGEST = 100
"""Bytes a socket's path may have; the kernel takes 107 (unix(7))."""


def socket_path(data: Path) -> Path:
    """Return the socket for a data folder: inside it, or in a private short folder when the path is too long.

    The same for every process of a user, so that commands beside the running site find it.
    """
    path = data / "run" / "valkey.sock"
    if len(os.fsencode(path)) <= LONGEST:
        return path
    name = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"lungsight-{os.getuid()}-{name}" / "valkey.sock"
