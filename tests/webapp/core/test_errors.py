from __future__ import annotations

import logging
import uuid

import pytest
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from pytest_django import Settings
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from webapp import urls as site
from webapp.core import words
from webapp.core.errors import UserError

SECRET = "Doe^Jane 1956"


def broken(request: HttpRequest) -> HttpResponse:
    raise ZeroDivisionError


def refused(request: HttpRequest) -> HttpResponse:
    raise UserError("too_thick", "12 mm is too thick.", "Type a value from 0.5 to 5.", status=409)


def denied(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied


@api_view(["GET"])
@permission_classes([AllowAny])
def api_broken(request: Request) -> Response:
    raise ZeroDivisionError


urlpatterns = [
    path("broken/", broken),
    path("refused/", refused),
    path("denied/", denied),
    path("api/v1/broken/", api_broken),
]
handler400, handler403, handler404, handler500 = (
    site.handler400, site.handler403, site.handler404, site.handler500,
)  # fmt: skip


@pytest.fixture
def visitor(settings: Settings) -> Client:
    settings.ROOT_URLCONF = __name__
    return Client(raise_request_exception=False)


def test_a_page_shows_a_user_error_with_its_status_words_and_a_reference(visitor: Client) -> None:
    response = visitor.get("/refused/")
    page = response.content.decode()
    assert response.status_code == 409
    assert "12 mm is too thick." in page
    assert "Type a value from 0.5 to 5." in page
    assert words.RESEARCH_USE in page


@pytest.mark.parametrize(
    ("address", "status", "sentence"),
    [("/nowhere/", 404, words.NOT_FOUND), ("/denied/", 403, words.FORBIDDEN)],
)
def test_error_pages_use_the_words_of_the_api(
    visitor: Client, address: str, status: int, sentence: str
) -> None:
    response = visitor.get(address)
    assert (response.status_code, sentence in response.content.decode()) == (status, True)


def test_an_unknown_address_of_the_api_is_answered_in_json(visitor: Client) -> None:
    response = visitor.get("/api/v1/nowhere/")
    assert response.status_code == 404
    assert response.json()["code"] == "not_found"
    assert uuid.UUID(response.json()["reference"])


def test_an_unexpected_error_shows_the_reference_under_which_it_was_logged(
    visitor: Client, caplog: pytest.LogCaptureFixture
) -> None:
    response = visitor.get("/broken/")
    logged = next(record for record in caplog.records if "unexpected error" in record.getMessage())
    reference = logged.getMessage().split()[-1]
    assert response.status_code == 500
    assert reference in response.content.decode()
    assert "ZeroDivisionError" not in response.content.decode()
    assert logged.exc_info is not None


def test_an_unexpected_error_of_the_api_shows_the_reference_under_which_it_was_logged(
    visitor: Client, caplog: pytest.LogCaptureFixture
) -> None:
    response = visitor.get("/api/v1/broken/")
    assert response.status_code == 500
    assert response.json()["reference"] in caplog.text


def test_requests_are_logged_by_route_without_query_or_unknown_path(
    visitor: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        visitor.get("/refused/", {"PatientName": SECRET})
        visitor.get(f"/{SECRET}/")
    assert "GET /refused/ 409" in caplog.text
    assert "Doe" not in caplog.text


@pytest.mark.django_db
def test_a_form_without_csrf_token_is_refused_with_a_sentence() -> None:
    client = Client(enforce_csrf_checks=True)
    response = client.post("/accounts/login/", {"login": "a@example.org", "password": "x"})
    assert response.status_code == 403
    assert words.FORM_EXPIRED in response.content.decode()
