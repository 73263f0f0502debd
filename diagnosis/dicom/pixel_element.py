"""Find the pixels of a file and check that all their bytes are there, without reading them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

from diagnosis.geometry import RefusedInput

PIXEL_DATA = 0x7FE00010
ITEM, SEQUENCE_END = 0xFFFEE000, 0xFFFEE0DD
UNDEFINED_LENGTH = 0xFFFFFFFF
LONG_VALUE_REPRESENTATIONS = (b"OW", b"OB", b"OF", b"OD", b"OL", b"OV", b"UN")
MAX_FRAGMENTS = 100_000


@dataclass(frozen=True, slots=True)
class PixelElement:
    """The pixel element of a file: its tag, the bytes of its value, and whether they are encapsulated."""

    tag: int
    value_bytes: int
    encapsulated: bool


def locate_pixels(file: BinaryIO, size: int, *, little_endian: bool) -> PixelElement | None:
    """Return the pixel element that begins at the file's position, None at the end of the file.

    Raises RefusedInput when its value reaches beyond ``size``, the length of the file in bytes.
    """
    order = "<" if little_endian else ">"
    start = file.read(12)
    if not start:
        return None
    if len(start) < 12:
        raise _truncated()
    group, element = struct.unpack(f"{order}HH", start[:4])
    if start[4:6] in LONG_VALUE_REPRESENTATIONS:
        (length,) = struct.unpack(f"{order}L", start[8:])
    else:  # implicit VR: the length follows the tag at once
        (length,) = struct.unpack(f"{order}L", start[4:8])
        file.seek(file.tell() - 4)
    tag = group << 16 | element
    if length == UNDEFINED_LENGTH:
        return PixelElement(tag, _fragments_bytes(file, order), encapsulated=True)
    if file.tell() + length > size:
        raise _truncated()
    return PixelElement(tag, length, encapsulated=False)


def _fragments_bytes(file: BinaryIO, order: str) -> int:
    """Walk over the items of encapsulated pixels (PS3.5 A.4) to their delimiter; return their bytes."""
    total = 0
    for _ in range(MAX_FRAGMENTS):
        item = file.read(8)
        if len(item) < 8:
            raise _truncated()
        group, element, length = struct.unpack(f"{order}HHL", item)
        tag = group << 16 | element
        if tag == SEQUENCE_END:
            return total
        if tag != ITEM or length == UNDEFINED_LENGTH:
            raise RefusedInput("bad_pixels", "The compressed pixels of this file are damaged.")
        total += length
        file.seek(file.tell() + length)
    raise RefusedInput("bad_pixels", f"The pixels of this file are in more than {MAX_FRAGMENTS} pieces.")


def _truncated() -> RefusedInput:
    return RefusedInput("truncated", "This file is cut short. Send it again.")
