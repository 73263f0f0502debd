"""The network address of the request that is being answered, for the audit trail."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponse

_address: ContextVar[str] = ContextVar("address", default="")


def current_address() -> str:
    """Return the address of the current request; empty in workers and on the command line."""
    return _address.get()


class RequestAddress:
    """Middleware that remembers the address while a request is answered."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on with its address remembered."""
        token = _address.set(str(request.META.get("REMOTE_ADDR") or "")[:45])
        try:
            return self.get_response(request)
        finally:
            _address.reset(token)
