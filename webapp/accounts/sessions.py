"""Sessions end after half an hour without a request and after twelve hours in any case."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY, logout
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.backends.base import SessionBase
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse

SIGNED_IN_AT, SEEN_AT = "signed_in_at", "seen_at"
WRITE_SECONDS = 60
"""How exact the idle time is: a request within this time of the last written one writes nothing."""


@receiver(user_logged_in)
def remember_sign_in(request: HttpRequest, **others: Any) -> None:
    """Note in the session when it began; a sign-in for a token has none."""
    if SESSION_KEY in request.session:
        request.session[SIGNED_IN_AT] = request.session[SEEN_AT] = time.time()


class SessionLimits:
    """Middleware that signs out sessions that are too old or were idle for too long."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on, as nobody's if its session is over."""
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
            now = time.time()
            if is_over(request.session, now):
                logout(request)
            elif now - request.session[SEEN_AT] > WRITE_SECONDS:
                request.session[SEEN_AT] = now
        return self.get_response(request)


def is_over(session: SessionBase, now: float) -> bool:
    """Return whether a signed-in session has reached one of its limits at ``now`` (seconds, time.time)."""
    idle = now - float(session.get(SEEN_AT, 0.0))
    age = now - float(session.get(SIGNED_IN_AT, 0.0))
    return idle > settings.SESSION_IDLE_SECONDS or age > settings.SESSION_COOKIE_AGE
