"""Readings over HTTP: parse, call one service, answer with the reading as stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, status
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from webapp.accounts.models import User
from webapp.accounts.selectors import signed_in
from webapp.analyses.models import Analysis
from webapp.analyses.streams import RENDERERS
from webapp.core import blobs
from webapp.core.errors import UserError
from webapp.core.preconditions import based_on, stale
from webapp.core.revisions import StaleRevision
from webapp.imaging.selectors import series_for
from webapp.reviews import serializers
from webapp.reviews.masks import parse_box
from webapp.reviews.models import OwnRegion, Reading
from webapp.reviews.selectors import newest_analysis, readings_for, with_parts
from webapp.reviews.services.changing import change_reading
from webapp.reviews.services.regions import (
    add_own_region,
    delete_own_region,
    drawn_mask,
    find_region,
    put_mask,
)
from webapp.reviews.services.revealing import reveal, use_analysis
from webapp.reviews.services.signing import add_addendum, sign
from webapp.reviews.services.starting import start_reading

MASK_LIMIT_BYTES = 64 << 20
"""A box of 512 million voxels: more than any series that the viewer shows."""

IF_MATCH = OpenApiParameter(
    "If-Match", OpenApiTypes.STR, OpenApiParameter.HEADER, required=True, description="The revision read."
)


class MaskParser(BaseParser):
    """Takes the packed bits of a mask as they are."""

    media_type = "application/octet-stream"

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        """Return the bytes. Raises UserError when there are more than any mask has."""
        packed: bytes = stream.read(MASK_LIMIT_BYTES + 1)
        if len(packed) > MASK_LIMIT_BYTES:
            raise UserError(
                "mask_too_large", "The mask is larger than 64 MiB.", "Send a smaller box.", status=413
            )
        return packed


class ReadingView(APIView):
    """What the views of one reading share."""

    serializer_class = serializers.ReadingSerializer

    def reading(self) -> Reading:
        """Return the reading of the address if the user may see it, else 404."""
        return get_object_or_404(with_parts(readings_for(self.user())), pk=self.kwargs["reading_id"])

    def user(self) -> User:
        """Return who is signed in."""
        return signed_in(self.request.user)

    def answer(self, reading: Reading, code: int = status.HTTP_200_OK) -> Response:
        """Answer with the reading as it is stored now."""
        return Response(self.told(reading), status=code)

    def told(self, reading: Reading) -> Any:
        """Return the JSON of the reading as it is stored now."""
        stored = with_parts(Reading.objects.all()).get(pk=reading.pk)
        return serializers.ReadingSerializer(stored, context={"request": self.request}).data

    def saved(self, save: Callable[[], Reading], yours: Any, code: int = status.HTTP_200_OK) -> Response:
        """Answer with what ``save`` stored, or with both versions when it came too late."""
        try:
            return self.answer(save(), code)
        except StaleRevision as error:
            theirs = with_parts(Reading.objects.all()).get(pk=error.current.pk)
            raise stale(yours, self.told(theirs)) from error


class SeriesReadings(generics.ListAPIView[Reading]):
    """The readings of one series that the user may see; starting one."""

    serializer_class = serializers.ReadingSerializer

    def get_queryset(self) -> QuerySet[Reading]:
        """Return readings of every revision of the series, newest first."""
        series = get_object_or_404(series_for(self.request.user), pk=self.kwargs["series_id"])
        return with_parts(readings_for(self.request.user).filter(series_revision__series=series))

    @extend_schema(request=serializers.StartSerializer, responses={201: serializers.ReadingSerializer})
    def post(self, request: Request, series_id: UUID) -> Response:
        """Start a reading, or return the one that this reader already has for the round."""
        series = get_object_or_404(series_for(request.user), pk=series_id)
        body = serializers.StartSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        reading, made = start_reading(user=signed_in(request.user), series=series, **body.validated_data)
        stored = with_parts(Reading.objects.all()).get(pk=reading.pk)
        told = self.get_serializer(stored).data
        return Response(told, status=status.HTTP_201_CREATED if made else status.HTTP_200_OK)


class OneReading(ReadingView):
    """One reading."""

    def get(self, request: Request, reading_id: UUID) -> Response:
        """Return it."""
        return self.answer(self.reading())

    @extend_schema(request=serializers.ChangesSerializer, parameters=[IF_MATCH])
    def patch(self, request: Request, reading_id: UUID) -> Response:
        """Save any subset of answers, verdicts and kinds of own regions."""
        reading, revision = self.reading(), based_on(request)
        body = serializers.ChangesSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        changes = body.changes()
        return self.saved(
            lambda: change_reading(user=self.user(), reading=reading, based_on=revision, changes=changes),
            yours=request.data,
        )


class Reveal(ReadingView):
    """Show the AI results."""

    @extend_schema(request=None, parameters=[IF_MATCH])
    def post(self, request: Request, reading_id: UUID) -> Response:
        """Show them and keep the answers given before."""
        reading, revision = self.reading(), based_on(request)
        return self.saved(
            lambda: reveal(user=self.user(), reading=reading, based_on=revision), yours=request.data
        )


class UseAnalysis(ReadingView):
    """Go over to a newer analysis."""

    @extend_schema(request=serializers.UseAnalysisSerializer, parameters=[IF_MATCH])
    def post(self, request: Request, reading_id: UUID) -> Response:
        """Bind the reading to the analysis named, or to the newest."""
        reading, revision = self.reading(), based_on(request)
        body = serializers.UseAnalysisSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        analysis = self._analysis(reading, body.validated_data.get("analysis"))
        confirm = body.validated_data["confirm"]
        return self.saved(
            lambda: use_analysis(
                user=self.user(), reading=reading, based_on=revision, analysis=analysis, confirm=confirm
            ),
            yours=request.data,
        )

    def _analysis(self, reading: Reading, named: UUID | None) -> Analysis:
        of_series = Analysis.objects.filter(revision__series=reading.series_revision.series_id)
        found = of_series.filter(pk=named).first() if named else newest_analysis(reading.series_revision)
        if found is None:
            raise Http404
        return found


class Sign(ReadingView):
    """Sign a reading."""

    @extend_schema(request=serializers.SignSerializer, parameters=[IF_MATCH])
    def post(self, request: Request, reading_id: UUID) -> Response:
        """Lock it."""
        reading, revision = self.reading(), based_on(request)
        body = serializers.SignSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        password = body.validated_data["password"]
        return self.saved(
            lambda: sign(user=self.user(), reading=reading, based_on=revision, password=password), yours={}
        )


class Addenda(ReadingView):
    """Texts added after signing."""

    @extend_schema(request=serializers.AddendumTextSerializer)
    def post(self, request: Request, reading_id: UUID) -> Response:
        """Add one."""
        reading = self.reading()
        body = serializers.AddendumTextSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        add_addendum(user=self.user(), reading=reading, text=body.validated_data["text"])
        return self.answer(reading)


class OwnRegions(ReadingView):
    """Regions that the reader adds."""

    @extend_schema(request=serializers.AddRegionSerializer, parameters=[IF_MATCH])
    def post(self, request: Request, reading_id: UUID) -> Response:
        """Add an empty one."""
        reading, revision = self.reading(), based_on(request)
        body = serializers.AddRegionSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return self.saved(
            lambda: add_own_region(
                user=self.user(), reading=reading, based_on=revision, **body.validated_data
            ),
            yours=request.data,
            code=status.HTTP_201_CREATED,
        )


class OneOwnRegion(ReadingView):
    """One region that the reader added."""

    @extend_schema(parameters=[IF_MATCH], responses={200: serializers.ReadingSerializer})
    def delete(self, request: Request, reading_id: UUID, region_id: UUID) -> Response:
        """Take it back; the reading without it is the answer."""
        reading, revision = self.reading(), based_on(request)
        region = get_object_or_404(OwnRegion, reading=reading, pk=region_id)
        return self.saved(
            lambda: delete_own_region(user=self.user(), reading=reading, based_on=revision, region=region),
            yours={},
        )


class Mask(ReadingView):
    """The bits of a drawn region: packed, C order [z, y, x], first voxel in the highest bit."""

    parser_classes = (MaskParser,)
    renderer_classes = RENDERERS

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def get(self, request: Request, reading_id: UUID, region_id: UUID) -> HttpResponse:
        """Return what the reader drew."""
        reading = self.reading()
        mask = drawn_mask(reading, region_id)
        if mask is None:
            raise Http404
        response = HttpResponse(blobs.read(mask.blob_id), content_type="application/octet-stream")
        response["X-Lungsight-Box"] = ",".join(str(edge) for edge in mask.box)
        response["X-Lungsight-Revision"] = str(reading.revision)
        response["Cache-Control"] = "private, no-cache"
        return response

    @extend_schema(
        request={"application/octet-stream": OpenApiTypes.BINARY},
        parameters=[
            IF_MATCH,
            OpenApiParameter("box", OpenApiTypes.STR, required=True, description="z0,y0,x0,z1,y1,x1"),
        ],
    )
    def put(self, request: Request, reading_id: UUID, region_id: UUID) -> Response:
        """Store a new mask for the region."""
        reading, revision = self.reading(), based_on(request)
        box = parse_box(request.query_params.get("box", ""))
        region = find_region(reading, region_id)
        if region is None:
            raise Http404
        packed = request.data if isinstance(request.data, bytes) else b""
        return self.saved(
            lambda: put_mask(
                user=self.user(), reading=reading, based_on=revision, region=region, box=box, packed=packed
            ),
            yours={"region": str(region_id), "box": list(box)},
        )
