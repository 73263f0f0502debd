"""Worklist, cohort tables and exports over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from webapp.accounts.selectors import signed_in
from webapp.audit.services import record
from webapp.cohorts.permissions import Action
from webapp.cohorts.selectors import cohort_for
from webapp.core.errors import UserError
from webapp.core.pagination import Pages
from webapp.reports import selectors
from webapp.reports.exports import data_dictionary, download, export_cohort
from webapp.reports.serializers import TablePageSerializer, WorklistPageSerializer
from webapp.reports.statistics import verdict_statistics

QUERY_LIMIT = 100


class Spreadsheet(JSONRenderer):
    """Lets a client that accepts nothing but CSV through; errors are JSON all the same."""

    media_type = "text/csv"
    format = "csv"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> Any:
        """Say that it is JSON."""
        renderer_context["response"]["Content-Type"] = JSONRenderer.media_type
        return super().render(data, JSONRenderer.media_type, renderer_context)


class Worklist(APIView):
    """What there is to read."""

    @extend_schema(
        parameters=[
            OpenApiParameter("cohort", description="Slug of one cohort."),
            OpenApiParameter("state", enum=selectors.STATES, description="Tab; all when absent."),
            OpenApiParameter("q", description="Part of a pseudonym or of a study's description."),
            OpenApiParameter("series", OpenApiTypes.UUID, many=True, description="Only these series."),
            OpenApiParameter("page", OpenApiTypes.INT),
        ],
        responses=WorklistPageSerializer,
    )
    def get(self, request: Request) -> Response:
        """Return one page of rows, newest series first, and how many series each tab holds."""
        user = signed_in(request.user)
        given = request.query_params
        cohort, q = given.get("cohort", "")[:60], given.get("q", "").strip()[:QUERY_LIMIT]
        series = _ids(given.getlist("series")) if "series" in given else None
        pages = Pages()
        page: Any = pages.paginate_queryset(
            selectors.worklist(
                user, state=_state(given.get("state", "all")), cohort=cohort, q=q, series=series
            ),
            request,
            view=self,
        )
        answer = pages.get_paginated_response(selectors.worklist_rows(user, page or []))
        answer.data["counts"] = selectors.worklist_counts(user, cohort=cohort, q=q)
        if series is None:
            shown = [row["study"] for row in answer.data["results"]]
            record(actor=user, action="worklist.listed", details={"studies": shown})
        return answer


class CohortTable(APIView):
    """What was found and signed in a cohort."""

    @extend_schema(parameters=[OpenApiParameter("page", OpenApiTypes.INT)], responses=TablePageSerializer)
    def get(self, request: Request, slug: str) -> Response:
        """Return one page: a row per signed reading, and one per series without."""
        user = signed_in(request.user)
        cohort = cohort_for(user, slug)
        pages = Pages()
        lines: Any = selectors.cohort_table(user, cohort)
        page: Any = pages.paginate_queryset(lines, request, view=self)
        rows = selectors.cohort_table_rows(user, page or [])
        record(actor=user, action="cohort.listed", target=cohort, details={"rows": len(rows)})
        return pages.get_paginated_response(rows)


class CohortStatistics(APIView):
    """What became of the systems' regions."""

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, slug: str) -> Response:
        """Return counts of verdicts over the signed readings."""
        user = signed_in(request.user)
        return Response(verdict_statistics(user, cohort_for(user, slug)))


class CohortExport(APIView):
    """The cohort's table as CSV."""

    renderer_classes: list[type[BaseRenderer]] = [JSONRenderer, Spreadsheet]

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.STR})
    def get(self, request: Request, slug: str) -> HttpResponseBase:
        """Send the table; the export is written into the audit trail."""
        user = signed_in(request.user)
        cohort = cohort_for(user, slug, Action.EXPORT)
        return download(request._request, f"{slug}.csv", export_cohort(user=user, cohort=cohort))


class DataDictionary(APIView):
    """The meaning of every column of the export."""

    renderer_classes: list[type[BaseRenderer]] = [JSONRenderer, Spreadsheet]

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.STR})
    def get(self, request: Request, slug: str) -> HttpResponseBase:
        """Send the dictionary."""
        cohort_for(request.user, slug, Action.EXPORT)
        return download(request._request, f"{slug}-data-dictionary.csv", data_dictionary())


def _state(text: str) -> str:
    if text not in selectors.STATES:
        raise UserError("state_unknown", f"The state is one of {', '.join(selectors.STATES)}.", "Name one.")
    return text


def _ids(texts: list[str]) -> list[UUID]:
    """Return the ids that are ids; the others cannot be anybody's series."""
    found = []
    for text in texts[: Pages.max_page_size]:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return found
