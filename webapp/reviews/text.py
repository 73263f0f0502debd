"""Free text as both databases can keep it."""

from __future__ import annotations


def is_storable(text: str) -> bool:
    """Tell whether the text has no NUL and no lone surrogate; PostgreSQL refuses both."""
    try:
        return b"\x00" not in text.encode()
    except UnicodeEncodeError:
        return False
