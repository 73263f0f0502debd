"""Static files compressed when they are collected: fast rather than perfect, as a demo starts with it."""

from __future__ import annotations

import gzip
from typing import Any

import brotli  # type: ignore[import-untyped]
from whitenoise.compress import Compressor
from whitenoise.storage import CompressedManifestStaticFilesStorage

BROTLI_QUALITY = 6
"""11, the default, takes over a minute for a few MB and saves a tenth."""


class QuickCompressor(Compressor):  # type: ignore[misc]
    """WhiteNoise's compressor at levels that take seconds; source maps stay as they are."""

    SKIP_COMPRESS_EXTENSIONS = (*Compressor.SKIP_COMPRESS_EXTENSIONS, "map")

    @staticmethod
    def compress_gzip(data: bytes) -> bytes:
        """Return ``data`` as gzip without a time stamp."""
        return gzip.compress(data, compresslevel=6, mtime=0)

    @staticmethod
    def compress_brotli(data: bytes) -> bytes:
        """Return ``data`` as brotli."""
        packed: bytes = brotli.compress(data, quality=BROTLI_QUALITY)
        return packed


class StaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Hashed names, compressed quickly."""

    def create_compressor(self, **kwargs: Any) -> Compressor:
        """Return the compressor for all files; extensions it skips are its own."""
        kwargs.pop("extensions", None)
        return QuickCompressor(**kwargs)
