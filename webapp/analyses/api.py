"""Analyses over HTTP: parse, call one service, answer."""

from __future__ import annotations

from typing import TypeVar
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from webapp.accounts.selectors import signed_in
from webapp.analyses import services
from webapp.analyses.models import Analysis, FoundRegion, HeatmapPreview, LabelVolume, StoredHeatmap
from webapp.analyses.offered import told_systems
from webapp.analyses.previews import previews_of
from webapp.analyses.selectors import analyses_for
from webapp.analyses.serializers import (
    AnalysisDetailSerializer,
    AnalysisRequestSerializer,
    AnalysisSerializer,
    HeatmapSerializer,
    PreviewSerializer,
    RegionSerializer,
    SystemsSerializer,
)
from webapp.analyses.storing import REGIONS, SEGMENTATIONS
from webapp.analyses.streams import RENDERERS, heatmap_response, label_response, preview_response
from webapp.analyses.visibility import shows_ai
from webapp.cohorts.permissions import Action
from webapp.core import words
from webapp.core.errors import UserError
from webapp.imaging.models import Series
from webapp.imaging.selectors import series_for

RowT = TypeVar("RowT", FoundRegion, StoredHeatmap, HeatmapPreview)
BINARY = extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})


class Systems(APIView):
    """The systems of this site."""

    @extend_schema(responses=SystemsSerializer)
    def get(self, request: Request) -> Response:
        """Return what every system is, whether it can run here, and how well its weights did on phantoms."""
        return Response({"results": told_systems()})


class SeriesAnalyses(generics.ListAPIView[Analysis]):
    """The analyses of one series, newest first; starting one."""

    serializer_class = AnalysisSerializer

    def get_queryset(self) -> QuerySet[Analysis]:
        """Return the analyses of every revision of the series."""
        series = get_object_or_404(series_for(self.request.user), pk=self.kwargs["series_id"])
        return analyses_for(self.request.user).filter(revision__series=series)

    @extend_schema(request=AnalysisRequestSerializer, responses={202: AnalysisSerializer})
    def post(self, request: Request, series_id: UUID) -> Response:
        """Queue an analysis, or return the same one that already waits or runs."""
        series = get_object_or_404(series_for(request.user), pk=series_id)
        _require_analyse(request, series)
        body = AnalysisRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        analysis = services.request_analysis(
            series=series, user=signed_in(request.user), **body.validated_data
        )
        return _told(request, analysis, status.HTTP_202_ACCEPTED)


class OneAnalysis(generics.RetrieveAPIView[Analysis]):
    """One analysis, with its results where this user may see them."""

    serializer_class = AnalysisDetailSerializer

    @extend_schema(responses=AnalysisDetailSerializer)
    def get(self, request: Request, analysis_id: UUID) -> Response:
        """Return state, progress and results."""
        analysis = _found(request, analysis_id)
        shown = shows_ai(request.user, analysis.revision.series)
        return Response(AnalysisDetailSerializer(analysis, context={"results_shown": shown}).data)


@extend_schema_view(post=extend_schema(request=None, responses=AnalysisSerializer))
class Cancel(APIView):
    """Stopping an analysis."""

    def post(self, request: Request, analysis_id: UUID) -> Response:
        """Stop an analysis that waits or runs."""
        analysis = _found(request, analysis_id)
        _require_analyse(request, analysis.revision.series)
        services.cancel_analysis(analysis=analysis, user=signed_in(request.user))
        return _told(request, analysis)


@extend_schema_view(post=extend_schema(request=None, responses=AnalysisSerializer))
class Retry(APIView):
    """Repeating an analysis."""

    def post(self, request: Request, analysis_id: UUID) -> Response:
        """Queue an analysis again that failed or was cancelled."""
        analysis = _found(request, analysis_id)
        _require_analyse(request, analysis.revision.series)
        services.retry_analysis(analysis=analysis, user=signed_in(request.user))
        return _told(request, analysis)


class WholeList(generics.ListAPIView[RowT]):
    """A list that is never long: all of it at once."""

    pagination_class = None

    def list(self, request: Request, *args: object, **kwargs: object) -> Response:
        """Return all of it: ``{results: [...]}``."""
        return Response({"results": self.get_serializer(self.get_queryset(), many=True).data})


class Regions(WholeList[FoundRegion]):
    """The regions that the systems point at."""

    serializer_class = RegionSerializer

    def get_queryset(self) -> QuerySet[FoundRegion]:
        """Return the regions of an analysis whose results the user may see."""
        return FoundRegion.objects.filter(analysis=_revealed(self.request, self.kwargs["analysis_id"]))


class Heatmaps(WholeList[StoredHeatmap]):
    """The heatmaps of an analysis, without their values."""

    serializer_class = HeatmapSerializer

    def get_queryset(self) -> QuerySet[StoredHeatmap]:
        """Return the heatmaps of an analysis whose results the user may see."""
        analysis = _revealed(self.request, self.kwargs["analysis_id"])
        return StoredHeatmap.objects.filter(analysis=analysis).order_by("system", "class_name", "kind")


class HeatmapData(APIView):
    """The values of one heatmap."""

    renderer_classes = RENDERERS

    @BINARY
    def get(self, request: Request, analysis_id: UUID, heatmap_id: UUID) -> HttpResponse:
        """Return uint8 ``[z, y, x]``: 255 times value / reference, clipped to 0..1."""
        analysis = _revealed(request, analysis_id)
        return heatmap_response(request, get_object_or_404(StoredHeatmap, analysis=analysis, pk=heatmap_id))


class Previews(WholeList[HeatmapPreview]):
    """The heatmaps that a running analysis is making; none once it has ended."""

    serializer_class = PreviewSerializer

    def get_queryset(self) -> QuerySet[HeatmapPreview]:
        """Return those of an analysis whose results the user may see."""
        return previews_of(_revealed(self.request, self.kwargs["analysis_id"])).defer("values")


class PreviewData(APIView):
    """The values of a heatmap as far as it is made."""

    renderer_classes = RENDERERS

    @BINARY
    def get(self, request: Request, analysis_id: UUID, preview_id: UUID) -> HttpResponse:
        """Return uint8 ``[z, y, x]``: 255 times value / reference, clipped to 0..1, 0 where it is still to
        come."""
        found = previews_of(_revealed(request, analysis_id))
        return preview_response(request, get_object_or_404(found, pk=preview_id))


class RegionLabels(APIView):
    """The regions of one system as a label volume."""

    renderer_classes = RENDERERS

    @BINARY
    def get(self, request: Request, analysis_id: UUID) -> HttpResponse:
        """Return uint8 or uint16 ``[z, y, x]``: n where the region with number n is.

        ``?system=`` names the system; ``lesions`` is the lesion segmentation.
        """
        analysis = _revealed(request, analysis_id)
        system = request.query_params.get("system") or (analysis.systems[0] if analysis.systems else "")
        volume = get_object_or_404(LabelVolume, analysis=analysis, kind=REGIONS, system=system)
        return label_response(request, volume)


class Segmentation(APIView):
    """A segmentation of the whole series."""

    renderer_classes = RENDERERS

    @BINARY
    def get(self, request: Request, analysis_id: UUID, kind: str) -> HttpResponse:
        """Return uint8 ``[z, y, x]``; 404 when the analysis did not make it.

        ``lungs``: 1 right, 2 left. ``lobes``: 1 RUL, 2 RML, 3 RLL, 4 LUL, 5 LLL. ``lesions``: 1 ground
        glass, 2 crazy paving, 3 consolidation, 4 other infection, 10 effusion, 11 nodule, 12 emphysema,
        13 atelectasis.
        """
        if kind not in SEGMENTATIONS:
            raise Http404
        analysis = _revealed(request, analysis_id)
        return label_response(
            request, get_object_or_404(LabelVolume, analysis=analysis, kind=kind, system="")
        )


def _found(request: Request, analysis_id: UUID) -> Analysis:
    return get_object_or_404(analyses_for(request.user), pk=analysis_id)


def _revealed(request: Request, analysis_id: UUID) -> Analysis:
    """Return the analysis if the user may see it and its results. Raises 404, or UserError ``ai_hidden``."""
    analysis = _found(request, analysis_id)
    if not shows_ai(request.user, analysis.revision.series):
        raise UserError(
            "ai_hidden",
            "The AI results of this series are hidden from you.",
            "Your cohort decides when they are shown.",
            status=403,
        )
    return analysis


def _require_analyse(request: Request, series: Series) -> None:
    if not series_for(request.user, Action.ANALYSE).filter(pk=series.pk).exists():
        raise UserError("permission_denied", words.FORBIDDEN, words.FORBIDDEN_HINT, status=403)


def _told(request: Request, analysis: Analysis, code: int = status.HTTP_200_OK) -> Response:
    stored = analyses_for(request.user).get(pk=analysis.pk)
    return Response(AnalysisSerializer(stored).data, status=code)
