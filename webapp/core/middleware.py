"""Errors of pages in the house's words, and one log line per request without patient data."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from webapp.core.errors import UserError
from webapp.core.views import error_response

logger = logging.getLogger(__name__)

UNLOGGED = frozenset({"/healthz", "/readyz"})


class UserErrors:
    """Shows a UserError that a page let through as a page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Turn a UserError into its page; None leaves the rest to the handlers of ``core.views``."""
        return error_response(request, error) if isinstance(error, UserError) else None


class RequestLog:
    """Logs method, route, status and time of a request.

    The route, not the address: queries and unknown paths may name people.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on and log it."""
        started = time.monotonic()
        response = self.get_response(request)
        if request.path not in UNLOGGED:
            route = f"/{request.resolver_match.route}" if request.resolver_match else "no such page"
            milliseconds = (time.monotonic() - started) * 1000
            logger.info("%s %s %d %.0f ms", request.method, route, response.status_code, milliseconds)
        return response
