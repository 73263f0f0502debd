"""Arrays for the viewer: stored zstd as it is where the browser takes it, else gzip, else plain."""

from __future__ import annotations

import gzip
from collections.abc import Iterable

import numpy as np
import zstandard
from django.http import HttpResponse
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from webapp.analyses.models import LabelVolume, StoredHeatmap
from webapp.core import blobs
from webapp.imaging.streaming import accepted_encodings


class OctetStream(JSONRenderer):
    """Lets a client that accepts nothing but octet streams through; errors are JSON all the same."""

    media_type = "application/octet-stream"
    format = "bin"


RENDERERS: list[type[BaseRenderer]] = [JSONRenderer, OctetStream]


def label_response(request: Request, volume: LabelVolume) -> HttpResponse:
    """Return the label volume ``[z, y, x]``, little endian."""
    response = _response(request, blobs.read(volume.blob_id), volume.shape, tag=volume.blob_id)
    response["X-Lungsight-Dtype"] = volume.dtype
    return response


def heatmap_response(request: Request, heatmap: StoredHeatmap) -> HttpResponse:
    """Return round(255 * clip(value / reference, 0, 1)) as uint8 ``[z, y, x]`` on the heatmap's own grid."""
    ratios = np.frombuffer(_plain(blobs.read(heatmap.blob_id)), "<f2")
    shown = np.rint(np.clip(np.nan_to_num(ratios), 0, 1).astype(np.float32) * 255).astype(np.uint8)
    compressed = zstandard.ZstdCompressor(level=3).compress(shown.data)
    return _response(request, compressed, heatmap.shape, tag=f"{heatmap.blob_id}-u8")


def _response(request: Request, zstd: bytes, shape: Iterable[int], *, tag: str) -> HttpResponse:
    accepted = accepted_encodings(request.headers.get("Accept-Encoding", ""))
    if "zstd" in accepted:
        body, encoding = zstd, "zstd"
    elif "gzip" in accepted:
        body, encoding = gzip.compress(_plain(zstd), 1), "gzip"
    else:
        body, encoding = _plain(zstd), ""
    response = HttpResponse(body, content_type="application/octet-stream")
    if encoding:
        response["Content-Encoding"] = encoding
    response["X-Lungsight-Shape"] = ",".join(str(length) for length in shape)
    response["ETag"] = f'"{tag}{encoding and "-" + encoding}"'
    response["Cache-Control"] = "private, no-cache"
    response["Vary"] = "Accept-Encoding, Cookie, Authorization"
    return response


def _plain(zstd: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompress(zstd)
