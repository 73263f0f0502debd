"""Error pages: the same words as the API, with a reference number."""

from __future__ import annotations

import logging
import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from webapp.core import words
from webapp.core.errors import UserError

logger = logging.getLogger(__name__)

NOT_FOUND = UserError("not_found", words.NOT_FOUND, status=404)
FORBIDDEN = UserError("permission_denied", words.FORBIDDEN, words.FORBIDDEN_HINT, status=403)
BAD_REQUEST = UserError("bad_request", words.BAD_REQUEST, status=400)
FORM_EXPIRED = UserError("csrf_failed", words.FORM_EXPIRED, words.FORM_EXPIRED_HINT, status=403)
OUR_FAULT = UserError("our_fault", words.OUR_FAULT, words.OUR_FAULT_HINT, status=500)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an address that does not exist, or that this user may not know of."""
    return error_response(request, NOT_FOUND)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer somebody whose role does not allow it."""
    return error_response(request, FORBIDDEN)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that Django refused to read."""
    return error_response(request, BAD_REQUEST)


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form without a valid CSRF token."""
    return error_response(request, FORM_EXPIRED)


def our_fault(request: HttpRequest) -> HttpResponse:
    """Log the unexpected error that Django is handling, and answer with its reference."""
    reference = str(uuid.uuid4())
    logger.error("unexpected error, reference %s", reference, exc_info=True)
    return error_response(request, OUR_FAULT, reference)


def error_response(request: HttpRequest, error: UserError, reference: str = "") -> HttpResponse:
    """Return ``error`` as JSON under /api/, else as a page in the site's frame.

    Faults and requests that could not be read get a page that needs neither database nor session.
    """
    body: dict[str, Any] = {
        "code": error.code,
        "message": error.message,
        "hint": error.hint,
        "reference": reference or str(uuid.uuid4()),
    }
    if request.path.startswith("/api/"):
        return JsonResponse(body | error.details, status=error.status)
    body["research_use"] = words.RESEARCH_USE
    if error.status in (400, 500):
        return HttpResponse(render_to_string("core/error.html", body), status=error.status)
    return render(request, "core/refused.html", body, status=error.status)
