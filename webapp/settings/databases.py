"""The embedded database of the demo."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def sqlite(data: Path) -> dict[str, Any]:
    """Return SQLite settings under which concurrent writers wait instead of failing (WAL, IMMEDIATE)."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(data / "lungsight.sqlite3"),
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": ("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"),
        },
    }
