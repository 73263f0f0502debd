"""The image size that a compressed frame claims, read before any decoder allocates memory for it."""

from __future__ import annotations

import struct

J2K_START = b"\xff\x4f\xff\x51"
JP2_SIGNATURE = b"\x00\x00\x00\x0cjP  "
JPEG_START = b"\xff\xd8"
JPEG_FRAME_MARKERS = frozenset({*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC})
"""SOF0-15 (ITU T.81 table B.1) without DHT, JPG and DAC, and SOF55 of JPEG-LS (ITU T.87)."""


def claimed_size(frame: bytes) -> tuple[int, int] | None:
    """Return (rows, columns) of a JPEG, JPEG-LS, JPEG 2000 or HTJ2K frame; None when it is none of them."""
    if frame.startswith((J2K_START, JP2_SIGNATURE)):
        return _j2k_size(frame)
    if frame.startswith(JPEG_START):
        return _jpeg_size(frame)
    return None


def _j2k_size(frame: bytes) -> tuple[int, int] | None:
    """SIZ: the image area is Xsiz - XOsiz by Ysiz - YOsiz (ITU T.800 A.5.1)."""
    start = frame.find(J2K_START)
    if start < 0 or len(frame) < start + 24:
        return None
    width, height, left, top = struct.unpack_from(">4L", frame, start + 8)
    return height - top, width - left


def _jpeg_size(frame: bytes) -> tuple[int, int] | None:
    position = 2
    while position + 9 <= len(frame) and frame[position] == 0xFF:
        marker = frame[position + 1]
        length = struct.unpack_from(">H", frame, position + 2)[0]
        if marker in JPEG_FRAME_MARKERS:
            rows, columns = struct.unpack_from(">2H", frame, position + 5)
            return rows, columns
        position += 1 if marker == 0xFF else 2 + length  # 0xFF may be repeated as fill
    return None
