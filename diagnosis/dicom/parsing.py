"""The one place where untrusted DICOM bytes meet the parser: bounded, quiet, and every failure refused."""

from __future__ import annotations

import io
import logging
import os
import struct
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from diagnosis.dicom.pixel_element import PixelElement, locate_pixels
from diagnosis.geometry import RefusedInput

MAX_HEADER_BYTES = 4 * 2**20
"""Values of a CT header are a few kilobytes; private blocks are skipped without reading them."""
MAX_FILE_BYTES = 64 * 2**20
"""One slice of 4096 x 4096 pixels of 16 bit is 32 MiB."""
PIXEL_TAGS = (0x7FE00008, 0x7FE00009, 0x7FE00010)
META_PREFIX_BYTES = 132

PARSER_ERRORS = (
    ArithmeticError, AssertionError, AttributeError, BytesLengthException, EOFError, InvalidDicomError,
    LookupError, MemoryError, NotImplementedError, OSError, RecursionError, RuntimeError, TypeError,
    ValueError, struct.error, zlib.error,
)  # fmt: skip
"""What pydicom and the decoders under it raise on hostile bytes."""

# Their messages quote the file's content, which may name the patient.
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
_warning_filters = threading.RLock()


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """Data set and file meta of one file; ``pixels`` is None without a pixel element or when it was read."""

    dataset: Dataset
    meta: FileMetaDataset
    syntax: UID
    pixels: PixelElement | None


@contextmanager
def parser_boundary(code: str = "damaged", sentence: str = "This DICOM file is damaged.") -> Iterator[None]:
    """Turn whatever the parser raises into RefusedInput, and keep its warnings to itself."""
    with _warning_filters, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except RefusedInput:
            raise
        except PARSER_ERRORS as error:
            raise RefusedInput(code, sentence) from error


def parse_file(path: Path, keywords: Sequence[str], *, with_pixels: bool = False) -> ParsedFile:
    """Read the elements named by ``keywords``, up to the pixels or (``with_pixels``) with them.

    Raises RefusedInput for everything that is not a sound DICOM P10 file, OSError when the file can not be
    opened. Reads at most MAX_HEADER_BYTES, or MAX_FILE_BYTES with pixels.
    """
    with path.open("rb") as raw, parser_boundary():
        size = os.fstat(raw.fileno()).st_size
        if with_pixels and size > MAX_FILE_BYTES:
            raise RefusedInput("too_large", f"This file is larger than {MAX_FILE_BYTES // 2**20} MiB.")
        file = _Bounded(raw, MAX_FILE_BYTES if with_pixels else MAX_HEADER_BYTES)
        _require_dicom(file, size)
        meta = FileMetaDataset()
        meta.update(read_dataset(file, False, True, stop_when=lambda tag, _vr, _length: tag.group != 2))
        syntax = _transfer_syntax(meta)
        body: BinaryIO = file
        if syntax == DeflatedExplicitVRLittleEndian:
            body = io.BytesIO(_inflated(raw, file.tell()))
            size = body.getbuffer().nbytes
        return _parse_body(body, size, meta, syntax, keywords, with_pixels)


def _require_dicom(file: BinaryIO, size: int) -> None:
    if size == 0:
        raise RefusedInput("empty", "This file is empty.")
    if file.read(META_PREFIX_BYTES)[128:] != b"DICM":
        raise RefusedInput("not_dicom", "This is not a DICOM file.")


def _transfer_syntax(meta: FileMetaDataset) -> UID:
    syntax = UID(str(meta.get("TransferSyntaxUID") or ""))
    if not syntax:
        raise RefusedInput(
            "no_transfer_syntax", "This file does not say how it is encoded (transfer syntax)."
        )
    if not syntax.is_valid or syntax.is_private or not syntax.is_transfer_syntax:
        raise RefusedInput(
            "unsupported_transfer_syntax",
            "The encoding of this file (transfer syntax) is not known. Send it as standard DICOM.",
        )
    return syntax


def _parse_body(
    body: BinaryIO, size: int, meta: FileMetaDataset, syntax: UID, keywords: Sequence[str], with_pixels: bool
) -> ParsedFile:
    stop: Callable[..., bool] | None = None if with_pixels else (lambda tag, _vr, _len: tag in PIXEL_TAGS)
    tags: list[BaseTag | int] = [Tag(keyword) for keyword in keywords]
    dataset = read_dataset(
        body, syntax.is_implicit_VR, syntax.is_little_endian, stop_when=stop, specific_tags=tags
    )
    if body.tell() > size:
        raise RefusedInput("truncated", "This file is cut short. Send it again.")
    return ParsedFile(dataset, meta, syntax, locate_pixels(body, size, little_endian=syntax.is_little_endian))


def _inflated(raw: BinaryIO, start: int) -> bytes:
    """Inflate a deflated data set (PS3.5 A.5), but never to more than MAX_FILE_BYTES."""
    raw.seek(start)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    data = inflater.decompress(raw.read(MAX_FILE_BYTES), MAX_FILE_BYTES)
    if inflater.unconsumed_tail:
        raise RefusedInput("too_large", f"This file unpacks to more than {MAX_FILE_BYTES // 2**20} MiB.")
    if not inflater.eof:
        raise RefusedInput("truncated", "This file is cut short. Send it again.")
    return data


class _Bounded(io.RawIOBase, BinaryIO):
    """A file that refuses to give more than ``limit`` bytes in all, however it is asked."""

    def __init__(self, raw: BinaryIO, limit: int) -> None:
        self._raw = raw
        self._left = limit

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = self._left + 1 if size is None or size < 0 else size
        data = self._raw.read(min(wanted, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise RefusedInput("header_too_large", "The header of this file is too large for a CT slice.")
        return data

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        return self._raw.tell()
