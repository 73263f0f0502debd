"""Errors of the API: every one is JSON {code, message, hint, reference}."""

from __future__ import annotations

import logging
import uuid
from typing import Any

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler as default_handler

from webapp.core import words
from webapp.core.errors import UserError

logger = logging.getLogger(__name__)


def exception_handler(error: Exception, context: dict[str, Any]) -> Response:
    """Turn any exception of a view into the house's error body."""
    if isinstance(error, UserError):
        return _answer(error.status, error.code, error.message, error.hint, error.details)
    if isinstance(error, Http404 | exceptions.NotFound):
        return _answer(404, "not_found", words.NOT_FOUND)
    if isinstance(error, PermissionDenied | exceptions.PermissionDenied):
        return _denied(error)
    if isinstance(error, SuspiciousOperation):
        return _answer(400, "bad_request", words.BAD_REQUEST)
    if isinstance(error, exceptions.ValidationError):
        return _answer(400, "invalid", _sentence(error.detail), details={"fields": error.detail})
    if isinstance(error, exceptions.APIException):
        response = default_handler(error, context)
        answer = _answer(error.status_code, str(error.default_code), *_words(error))
        for name in ("WWW-Authenticate", "Retry-After"):
            if response is not None and name in response.headers:
                answer.headers[name] = response.headers[name]
        return answer
    reference = str(uuid.uuid4())
    logger.exception("unexpected error, reference %s", reference, exc_info=error)
    return _answer(500, "our_fault", words.OUR_FAULT, words.OUR_FAULT_HINT, {"reference": reference})


def _words(error: exceptions.APIException) -> tuple[str, str]:
    """Return message and hint of an error that DRF raised by itself."""
    if isinstance(error, exceptions.NotAuthenticated):
        return words.SIGNED_OUT, words.SIGNED_OUT_HINT
    if isinstance(error, exceptions.AuthenticationFailed):
        return words.CREDENTIAL_REFUSED, words.CREDENTIAL_REFUSED_HINT
    return str(error.detail), ""


def _denied(error: PermissionDenied | exceptions.PermissionDenied) -> Response:
    """Answer 403; a session without CSRF token gets its own sentence."""
    detail = getattr(error, "detail", None)
    if detail is not None and str(detail).startswith("CSRF"):
        return _answer(403, "csrf_failed", words.FORM_EXPIRED, words.FORM_EXPIRED_HINT)
    return _answer(403, "permission_denied", words.FORBIDDEN, words.FORBIDDEN_HINT)


def _answer(
    status: int, code: str, message: str, hint: str = "", details: dict[str, Any] | None = None
) -> Response:
    body = {"code": code, "message": message, "hint": hint, "reference": str(uuid.uuid4())}
    return Response(body | (details or {}), status=status)


def _sentence(detail: Any) -> str:
    """Return the first message of DRF's nested error detail, with the field it belongs to."""
    if isinstance(detail, dict):
        for field, inner in detail.items():
            words = _sentence(inner)
            return words if field == "non_field_errors" else f"{field}: {words}"
    if isinstance(detail, list) and detail:
        return _sentence(detail[0])
    return str(detail)
