"""Answers that stream a stored volume in the encoding the client takes, under ASGI and WSGI."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from math import prod
from typing import BinaryIO, cast

import zstandard
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from rest_framework.request import Request

from webapp.core import blobs
from webapp.core.models import Blob
from webapp.imaging.models import SeriesRevision

VOXEL_BYTES = 2


def volume_response(request: Request, revision: SeriesRevision, *, lasting: bool) -> HttpResponseBase:
    """Return the revision's stream, or 304 when the client has it.

    ``lasting``: the address names the revision, so the answer never changes.
    """
    etag = f'"{revision.manifest_hash}"'
    response: HttpResponseBase
    if etag in request.headers.get("If-None-Match", "").replace("W/", "").split(", "):
        response = HttpResponse(status=304)
    else:
        response = _stream(request, revision)
        response["X-Lungsight-Shape"] = ",".join(str(side) for side in revision.volume_header["shape"])
    response["ETag"] = f"W/{etag}"
    response["Cache-Control"] = "private, max-age=86400, immutable" if lasting else "private, no-cache"
    response["Vary"] = "Accept-Encoding, Authorization, Cookie"
    return response


def accepted_encodings(header: str) -> set[str]:
    """Return the encodings an Accept-Encoding header allows, those with q=0 left out (RFC 9110 12.5.3)."""
    accepted = set()
    for part in header.lower().split(","):
        name, _, weight = part.partition(";")
        quality = weight.replace(" ", "").removeprefix("q=").rstrip("0.")
        if not weight or quality:
            accepted.add(name.strip())
    return accepted


def _stream(request: Request, revision: SeriesRevision) -> StreamingHttpResponse:
    accepted = accepted_encodings(request.headers.get("Accept-Encoding", ""))
    encoding, blob = "", cast(Blob, revision.volume_zstd)
    if "zstd" in accepted:
        encoding = "zstd"
    elif "gzip" in accepted and revision.volume_gzip is not None:
        encoding, blob = "gzip", revision.volume_gzip
    file = blobs.open_blob(blob.sha256)
    if encoding:
        length = blob.size
    else:
        length = prod(revision.volume_header["shape"]) * VOXEL_BYTES
        file = cast(BinaryIO, zstandard.ZstdDecompressor().stream_reader(file, closefd=True))
    under_asgi = isinstance(request._request, ASGIRequest)
    response = StreamingHttpResponse(
        _chunks_async(file) if under_asgi else _chunks(file), content_type="application/octet-stream"
    )
    response["Content-Length"] = str(length)
    if encoding:
        response["Content-Encoding"] = encoding
    return response


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        yield from blobs.read_chunks(file)


async def _chunks_async(file: BinaryIO) -> AsyncIterator[bytes]:
    """Read in a thread, so that other requests are served while the disk works."""
    with file:
        while chunk := await asyncio.to_thread(file.read, blobs.CHUNK):
            yield chunk
