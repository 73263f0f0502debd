"""Uploads over HTTP: files stream into the store, one service takes them, the report tells the rest."""

from __future__ import annotations

import errno
import logging
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from webapp.accounts.selectors import signed_in
from webapp.core.errors import UserError
from webapp.imaging import services
from webapp.imaging.models import Upload
from webapp.imaging.selectors import destination, uploads_for
from webapp.imaging.serializers import (
    MoreRequest,
    UploadLineSerializer,
    UploadRequest,
    UploadSerializer,
)
from webapp.imaging.uploadhandlers import IncomingHandler, ReceivedFile

logger = logging.getLogger(__name__)


class StreamsFiles(APIView):
    """A view whose files go to the store's incoming folder while they are being received."""

    parser_classes = (MultiPartParser, FormParser, JSONParser)

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        """Choose the handler before anything reads the body."""
        request.upload_handlers = [IncomingHandler(request)]
        return super().initialize_request(request, *args, **kwargs)

    def handle_exception(self, exc: Exception) -> Response:
        """Say that the disk is full; nothing of such a request was kept."""
        if isinstance(exc, OSError) and exc.errno in (errno.ENOSPC, errno.EDQUOT):
            logger.error("the storage is full")
            exc = UserError(
                "storage_full",
                "This site has no room left for these files.",
                "Files that were taken before are kept. Tell the administrator of this site.",
                status=507,
            )
        return super().handle_exception(exc)


class UploadsView(StreamsFiles, generics.ListAPIView[Upload]):
    """One's own uploads, newest first; starting one."""

    serializer_class = UploadLineSerializer

    def get_queryset(self) -> QuerySet[Upload]:
        """Return the user's own uploads."""
        return uploads_for(self.request.user)

    @extend_schema(request={"multipart/form-data": UploadRequest}, responses={202: UploadSerializer})
    def post(self, request: Request) -> Response:
        """Take files into a cohort. With ``more`` the upload stays open for further files."""
        body = UploadRequest(data=_fields(request))
        body.is_valid(raise_exception=True)
        fields, files = body.validated_data, _files(request)
        cohort = destination(request.user, fields["cohort"])
        if not files and not fields["more"]:
            raise UserError("no_files", "No file was sent.", "Send files in the field files.")
        upload = services.open_upload(
            user=signed_in(request.user), cohort=cohort, pseudonym=fields["pseudonym"]
        )
        return _take(request, upload, files, more=fields["more"])


class UploadView(APIView):
    """One upload and what became of each file."""

    @extend_schema(responses=UploadSerializer)
    def get(self, request: Request, upload_id: UUID) -> Response:
        """Return the report."""
        return Response(_report(request, upload_id))


class UploadFilesView(StreamsFiles):
    """Further files of an upload that is still open."""

    @extend_schema(request={"multipart/form-data": MoreRequest}, responses={202: UploadSerializer})
    def post(self, request: Request, upload_id: UUID) -> Response:
        """Take more files; without ``more`` these are the last."""
        upload = get_object_or_404(uploads_for(request.user), pk=upload_id)
        body = MoreRequest(data=_fields(request))
        body.is_valid(raise_exception=True)
        return _take(request, upload, _files(request), more=body.validated_data["more"])


class UploadCompleteView(APIView):
    """The end of an upload in several requests."""

    @extend_schema(request=None, responses={202: UploadSerializer})
    def post(self, request: Request, upload_id: UUID) -> Response:
        """Say that nothing more will come: checking starts."""
        upload = get_object_or_404(uploads_for(request.user), pk=upload_id)
        services.complete(upload=upload)
        return Response(_report(request, upload_id), status=202)


def _fields(request: Request) -> dict[str, Any]:
    """Return the fields beside the files; a form sends lists of one, JSON may send anything."""
    data: Any = request.data
    if not isinstance(data, Mapping | QueryDict):
        raise UserError("bad_request", "The request could not be read.", "Send a form with files.")
    return {name: data[name] for name in ("cohort", "pseudonym", "more") if name in data}


def _files(request: Request) -> list[services.SentFile]:
    received = [file for file in request.FILES.getlist("files") if isinstance(file, ReceivedFile)]
    return [services.SentFile(file.name or "", file.incoming) for file in received]


def _take(request: Request, upload: Upload, files: list[services.SentFile], *, more: bool) -> Response:
    services.receive(upload=upload, files=files)
    if not more:
        services.complete(upload=upload)
    return Response(_report(request, upload.pk), status=202)


def _report(request: Request, upload_id: UUID) -> dict[str, Any]:
    uploads = uploads_for(request.user).prefetch_related("files", "series")
    return UploadSerializer(get_object_or_404(uploads, pk=upload_id)).data
