"""Arrays for the viewer: stored zstd as it is where the browser takes it, else gzip, else plain."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import zstandard
from django.http import HttpResponse
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from webapp.analyses.models import HeatmapPreview, LabelVolume, StoredHeatmap
from webapp.core import blobs
from webapp.imaging.streaming import accepted_encodings

PIECE = 1 << 20
"""Bytes handled at once: whole float16 values."""
GZIP_WINDOW = 16 + zlib.MAX_WBITS


class OctetStream(JSONRenderer):
    """Lets a client that accepts nothing but octet streams through; errors are JSON all the same."""

    media_type = "application/octet-stream"
    format = "bin"


RENDERERS: list[type[BaseRenderer]] = [JSONRenderer, OctetStream]


def label_response(request: Request, volume: LabelVolume) -> HttpResponse:
    """Return the label volume ``[z, y, x]``, little endian; 304 when the client has it."""
    packed = blobs.read(volume.blob_id)
    response = _response(request, volume.shape, volume.blob_id, lambda: _pieces(packed), packed)
    response["X-Lungsight-Dtype"] = volume.dtype
    return response


def heatmap_response(request: Request, heatmap: StoredHeatmap) -> HttpResponse:
    """Return round(255 * clip(value / reference, 0, 1)) as uint8 ``[z, y, x]`` on the heatmap's own grid."""
    return _evidence(request, heatmap.shape, heatmap.blob_id, blobs.read(heatmap.blob_id))


def preview_response(request: Request, preview: HeatmapPreview) -> HttpResponse:
    """Return what `heatmap_response` does of a heatmap that is still being made."""
    tag = f"{preview.pk}-{preview.attempt}-{preview.done}"
    return _evidence(request, preview.shape, tag, bytes(preview.values))


def _evidence(request: Request, shape: Sequence[int], tag: str, packed: bytes) -> HttpResponse:
    return _response(request, shape, f"{tag}-u8", lambda: map(_as_bytes, _pieces(packed)), None)


def _response(
    request: Request,
    shape: Sequence[int],
    tag: str,
    plain: Callable[[], Iterable[bytes]],
    zstd: bytes | None,
) -> HttpResponse:
    """Answer in the best encoding the client takes. ``zstd`` is the body when it is stored as it is sent."""
    accepted = accepted_encodings(request.headers.get("Accept-Encoding", ""))
    encoding = next((name for name in ("zstd", "gzip") if name in accepted), "")
    etag = f'"{tag}-{encoding or "plain"}"'
    if etag in request.headers.get("If-None-Match", ""):
        response = HttpResponse(status=304)
    else:
        body = zstd if zstd is not None and encoding == "zstd" else _encoded(plain(), encoding)
        response = HttpResponse(body, content_type="application/octet-stream")
        if encoding:
            response["Content-Encoding"] = encoding
        response["X-Lungsight-Shape"] = ",".join(str(length) for length in shape)
    response["ETag"] = etag
    response["Cache-Control"] = "private, no-cache"
    response["Vary"] = "Accept-Encoding, Cookie, Authorization"
    return response


def _pieces(zstd: bytes) -> Iterator[bytes]:
    """Decompress piece by piece: a whole heatmap would not fit the web process's memory."""
    with zstandard.ZstdDecompressor().stream_reader(zstd) as plain:
        yield from iter(lambda: plain.read(PIECE), b"")


def _as_bytes(ratios: bytes) -> bytes:
    shown = np.clip(np.nan_to_num(np.frombuffer(ratios, "<f2").astype(np.float32)), 0, 1)
    return np.rint(shown * 255).astype(np.uint8).tobytes()


def _encoded(plain: Iterable[bytes], encoding: str) -> bytes:
    if not encoding:
        return b"".join(plain)
    packer = (
        zstandard.ZstdCompressor(level=3).compressobj()
        if encoding == "zstd"
        else zlib.compressobj(1, wbits=GZIP_WINDOW)
    )
    return b"".join([*(packer.compress(piece) for piece in plain), packer.flush()])
