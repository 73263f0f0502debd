"""What the sign-in lock (django-axes) knows of an account, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from webapp.audit.signin import account_key
from webapp.core.errors import UserError
from webapp.core.views import error_response

LOCKED_MINUTES = round(settings.AXES_COOLOFF_TIME * 60)
LOCKED = UserError(
    "locked_out",
    "The password was wrong too often.",
    f"Wait {LOCKED_MINUTES} minutes, then sign in again.",
    status=429,
)


def attempted_account(request: HttpRequest, credentials: Mapping[str, Any] | None) -> str:
    """Return the key under which tries for an account are counted: a keyed hash, never the address."""
    given = credentials or request.POST
    return account_key(str(given.get("email") or given.get("login") or given.get("username") or ""))


def locked_out(request: HttpRequest, original: HttpResponse | None, credentials: Any) -> HttpResponse:
    """Answer a sign-in while the account is locked for this address."""
    if request.path.startswith("/api/"):
        answer = error_response(request, LOCKED)
    else:
        answer = render(request, "account/lockout.html", status=LOCKED.status)
    answer.headers["Retry-After"] = str(LOCKED_MINUTES * 60)
    return answer
