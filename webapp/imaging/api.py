"""Studies and series over HTTP: parse, call one selector or service, answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404, HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from webapp.accounts.selectors import signed_in
from webapp.cohorts.permissions import Action
from webapp.core.errors import UserError
from webapp.imaging import services
from webapp.imaging.extensions import parts_of
from webapp.imaging.models import Series, SeriesRevision, SeriesState, Study
from webapp.imaging.selectors import (
    reading_cohorts,
    series_for,
    series_or_refusal,
    series_shown,
    studies_for,
    with_everything,
)
from webapp.imaging.serializers import OverrideRequest, SeriesSerializer, StudySerializer
from webapp.imaging.streaming import volume_response


class StudiesView(generics.ListAPIView[Study]):
    """Studies the user may see, newest first; ``?cohort=slug`` limits them to one cohort."""

    serializer_class = StudySerializer

    def get_queryset(self) -> QuerySet[Study]:
        """Return the studies of the named cohort, or of all of the user's."""
        studies = studies_for(self.request.user)
        if slug := self.request.query_params.get("cohort"):
            studies = studies.filter(cohorts__slug=slug) if slug.isprintable() else studies.none()
        return with_everything(studies, self.request.user)

    @extend_schema(parameters=[OpenApiParameter("cohort", str)])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return a page of studies; what they need to know of cohorts is asked once for all of them."""
        studies = self.paginate_queryset(self.get_queryset()) or []
        context = _context(request, [series for study in studies for series in study.series.all()])
        return self.get_paginated_response(StudySerializer(studies, many=True, context=context).data)


class StudyView(APIView):
    """One study with its series."""

    @extend_schema(responses=StudySerializer)
    def get(self, request: Request, study_id: UUID) -> Response:
        """Return the study; that it was opened is recorded."""
        study = get_object_or_404(with_everything(studies_for(request.user), request.user), pk=study_id)
        services.record_opened(user=signed_in(request.user), study=study)
        return Response(StudySerializer(study, context=_context(request, study.series.all())).data)


class SeriesView(APIView):
    """One series with its geometry report and, once it is ready, its volume's header."""

    @extend_schema(responses=SeriesSerializer)
    def get(self, request: Request, series_id: UUID) -> Response:
        """Return the series; that its study was opened is recorded."""
        series = get_object_or_404(series_shown(series_for(request.user)), pk=series_id)
        services.record_opened(user=signed_in(request.user), study=series.study)
        return _shown(request, series)


class OverrideView(APIView):
    """Unusable geometry, overruled by a person with a reason."""

    @extend_schema(request=OverrideRequest, responses=SeriesSerializer)
    def post(self, request: Request, series_id: UUID) -> Response:
        """Let the series be measured all the same."""
        series = series_or_refusal(request.user, series_id, Action.ANALYSE)
        body = OverrideRequest(data=request.data)
        body.is_valid(raise_exception=True)
        services.override_geometry(
            series=series, user=signed_in(request.user), reason=body.validated_data["reason"]
        )
        return _shown(request, get_object_or_404(series_shown(Series.objects.all()), pk=series.pk))


class VolumeView(APIView):
    """The volume as one stream of slices, from the middle outwards."""

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Answer whatever the client says it accepts: the stream is what it is, errors are JSON."""
        return super().perform_content_negotiation(request, force=True)

    @extend_schema(
        parameters=[OpenApiParameter("revision", int)],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, series_id: UUID) -> HttpResponseBase:
        """Return int16 little-endian slices [y, x] in ``volume.slice_order``, of the named revision."""
        series = get_object_or_404(series_shown(series_for(request.user)), pk=series_id)
        number = request.query_params.get("revision", "")
        revision = _revision(series, number)
        services.record_opened(user=signed_in(request.user), study=series.study)
        return volume_response(request, revision, lasting=bool(number))


def _revision(series: Series, number: str) -> SeriesRevision:
    """Return the named revision, else the current one, if it has a volume to show."""
    revision = series.current
    if number and not (revision and number == str(revision.number)):
        if not (number.isascii() and number.isdigit() and len(number) < 9):
            raise Http404
        revision = get_object_or_404(series.revisions.defer("manifest"), number=int(number))
    elif series.state != SeriesState.READY:
        revision = None
    if revision is None or revision.volume_zstd is None:
        raise UserError("no_volume", "This series has no images to show.", "Its state says why.", status=409)
    return revision


def _shown(request: Request, series: Series) -> Response:
    return Response(SeriesSerializer(series, context=_context(request, [series])).data)


def _context(request: Request, series: Iterable[Series]) -> dict[str, Any]:
    rows = list(series)
    return {
        "request": request,
        "reading": reading_cohorts(request.user, {row.study_id for row in rows}),
        "parts": parts_of(rows, request.user),
    }
