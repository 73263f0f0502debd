"""The two kinds of errors raised on purpose. Everything else is our fault and gets a reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class UserError(Exception):
    """Shown to the user as it is: what happened, what to do. Never holds patient data or internals.

    ``code`` is stable for programs, ``status`` the HTTP status, ``details`` further keys of the JSON body.
    """

    def __init__(
        self,
        code: str,
        message: str,
        hint: str = "",
        *,
        status: int = 400,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.status = status
        self.details = dict(details or {})


class RetryableError(Exception):
    """A fault that may pass by itself (storage busy, worker restarted): the work is queued again."""
