"""The stream that the viewer reads: slices from the middle outwards, compressed once, kept on disk."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import zstandard

from diagnosis.volume import CTVolume
from webapp.core import blobs
from webapp.core.models import Blob
from webapp.imaging.models import SeriesRevision

ZSTD_LEVEL = 3
GZIP_LEVEL = 1
GZIP_WINDOW = 16 + zlib.MAX_WBITS
LUNG_WINDOW = {"level": -500, "width": 1400}


class Packer(Protocol):
    """A compressor that takes its input in pieces."""

    def compress(self, data: bytes, /) -> bytes:
        """Take a piece, give what is ready."""

    def flush(self) -> bytes:
        """Give the rest."""


@dataclass(frozen=True, slots=True)
class StoredVolume:
    """A volume in the store, once per content encoding, and what a reader needs to make sense of it."""

    header: dict[str, Any]
    zstd: Blob
    gzip: Blob


def slice_order(slices: int) -> list[int]:
    """Return z of every slice in stream order: middle, one above, one below, and so on outwards."""
    middle = slices // 2
    outwards = [z for step in range(1, slices + 1) for z in (middle + step, middle - step)]
    return [middle, *(z for z in outwards if 0 <= z < slices)]


def store_volume(volume: CTVolume, tell: Callable[[float], None]) -> StoredVolume:
    """Compress the slices [y, x], int16 little-endian, in ``slice_order``. ``tell`` gets the part done."""
    order = slice_order(volume.shape[0])
    zstd: Packer = zstandard.ZstdCompressor(level=ZSTD_LEVEL).compressobj()
    gzip: Packer = zlib.compressobj(GZIP_LEVEL, wbits=GZIP_WINDOW)
    pairs = [(zstd, blobs.Incoming()), (gzip, blobs.Incoming())]
    try:
        for done, z in enumerate(order):
            tell(done / len(order))
            data = volume.hu[z].astype("<i2").tobytes()
            for packer, file in pairs:
                file.write(packer.compress(data))
        for packer, file in pairs:
            file.write(packer.flush())
            file.finish()
        kept = blobs.keep([file for _, file in pairs])
    finally:
        for _, file in pairs:
            file.close()
    return StoredVolume(_header(volume, order), *kept)


def read_volume(revision: SeriesRevision) -> CTVolume:
    """Return the volume of a checked revision from its stream. Raises FileNotFoundError when it is gone."""
    header = revision.volume_header
    shape: tuple[int, int, int] = tuple(header["shape"])
    hu = np.empty(shape, np.int16)
    with zstandard.ZstdDecompressor().stream_reader(blobs.open_blob(revision.volume_zstd_id or "")) as plain:
        for z in header["slice_order"]:
            hu[z] = np.frombuffer(plain.read(shape[1] * shape[2] * 2), "<i2").reshape(shape[1:])
    return CTVolume(hu, np.array(header["affine"], np.float64))


def _header(volume: CTVolume, order: list[int]) -> dict[str, Any]:
    return {
        "shape": list(volume.shape),
        "spacing_mm": list(volume.spacing_mm),
        "affine": volume.affine.tolist(),
        "slice_order": order,
        "window": LUNG_WINDOW,
    }
