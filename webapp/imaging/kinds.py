"""What kind of file is this? Told by its first bytes, never by decoding it; refusals in words."""

from __future__ import annotations

import re
import zlib
from enum import StrEnum
from pathlib import Path

from diagnosis.geometry import RefusedInput

HEAD_BYTES = 4096


class Kind(StrEnum):
    """Kinds of files that are taken."""

    DICOM = "dicom"
    NIFTI = "nifti"
    ZIP = "zip"


LEFT_BEHIND = re.compile(r"(^|/)(\.(?!\.?(/|$))|__MACOSX/|Thumbs\.db$|desktop\.ini$|Icon\r?$)", re.IGNORECASE)
"""What file systems leave beside the files of people: hidden files, macOS and Windows folders' notes."""

ARCHIVES = {
    b"Rar!\x1a\x07": "RAR",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
PICTURES = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"II*\x00": "a TIFF picture",
    b"MM\x00*": "a TIFF picture",
    b"%PDF": "a PDF document",
}
TAR_MAGIC_AT = 257
NIFTI_MAGICS = ((344, b"n+1\x00"), (4, b"n+2\x00"))
NIFTI_PAIR_MAGICS = ((344, b"ni1\x00"), (4, b"ni2\x00"))
TEXT = re.compile(rb"[\t\n\f\r\x1b\x20-\x7e\x80-\xff]+")


def kind_of(name: str, path: Path) -> Kind:
    """Return the kind of the file at ``path`` that its sender calls ``name``.

    Reads at most HEAD_BYTES. Raises RefusedInput with a sentence when it is of no kind that is taken.
    """
    if LEFT_BEHIND.search(name):
        raise RefusedInput("ignored", "This file belongs to a computer's folders, not to a study: left out.")
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head:
        raise RefusedInput("empty", "This file is empty.")
    if head[128:132] == b"DICM":
        return Kind.DICOM
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return Kind.ZIP
    if head.startswith(b"\x1f\x8b"):
        head = _inflated(head)
        if not (_has(head, NIFTI_MAGICS) or _has(head, NIFTI_PAIR_MAGICS)):
            raise RefusedInput("not_nifti", "This compressed file holds no NIfTI volume. Send a .zip.")
    if _has(head, NIFTI_MAGICS):
        return Kind.NIFTI
    raise _refusal(head)


def _inflated(head: bytes) -> bytes:
    """Return the first bytes of what a gzip file holds; none when it is damaged."""
    try:
        return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(head, HEAD_BYTES)
    except zlib.error:
        return b""


def _has(head: bytes, magics: tuple[tuple[int, bytes], ...]) -> bool:
    return any(head[at : at + len(magic)] == magic for at, magic in magics)


def _refusal(head: bytes) -> RefusedInput:
    for magic, name in ARCHIVES.items():
        if head.startswith(magic):
            return RefusedInput("archive_kind", f"Archives of the kind {name} are not opened. Send a .zip.")
    if head[TAR_MAGIC_AT : TAR_MAGIC_AT + 5] == b"ustar":
        return RefusedInput("archive_kind", "Archives of the kind tar are not opened. Send a .zip.")
    if _has(head, NIFTI_PAIR_MAGICS):
        return RefusedInput("nifti_pair", "This is half of a NIfTI pair (.hdr, .img). Send one .nii file.")
    for magic, what in PICTURES.items():
        if head.startswith(magic):
            return RefusedInput("not_ct", f"This is {what}, not a CT.")
    if TEXT.fullmatch(head):
        return RefusedInput("text", "This is a text file, not a CT.")
    return RefusedInput("not_ct", "This is neither DICOM nor NIfTI nor a .zip archive.")
