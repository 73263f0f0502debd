"""Which transfer syntaxes carry Hounsfield units faithfully."""

from __future__ import annotations

from pydicom.uid import UID

from diagnosis.geometry import Reason, RefusedInput

LOSSLESS = frozenset({
    "1.2.840.10008.1.2",  # implicit VR little endian
    "1.2.840.10008.1.2.1",  # explicit VR little endian
    "1.2.840.10008.1.2.1.99",  # deflated
    "1.2.840.10008.1.2.2",  # explicit VR big endian
    "1.2.840.10008.1.2.4.57",  # JPEG lossless, process 14
    "1.2.840.10008.1.2.4.70",  # JPEG lossless SV1
    "1.2.840.10008.1.2.4.80",  # JPEG-LS lossless
    "1.2.840.10008.1.2.4.90",  # JPEG 2000 lossless
    "1.2.840.10008.1.2.4.201",  # HTJ2K lossless
    "1.2.840.10008.1.2.4.202",  # HTJ2K lossless RPCL
    "1.2.840.10008.1.2.5",  # RLE
})  # fmt: skip

LOSSY_NEAR = frozenset({
    "1.2.840.10008.1.2.4.81",  # JPEG-LS near-lossless: the encoder bounds the error of every pixel
    "1.2.840.10008.1.2.4.91",  # JPEG 2000: 12 to 16 bit wavelets, a few HU at the rates in use
    "1.2.840.10008.1.2.4.203",  # HTJ2K: as JPEG 2000
})  # fmt: skip
"""Keep the full range of values and change them by a few HU: read, and the report says so."""


def require_faithful(syntax: str) -> None:
    """Raise RefusedInput, naming the transfer syntax, when it can not be read or changes the values.

    The lossy JPEG processes (.50, .51) hold 8 or 12 bits of a windowed picture; .53 and .55 are retired and
    no decoder reads them.
    """
    if syntax in LOSSLESS or syntax in LOSSY_NEAR:
        return
    name = UID(syntax).name
    if syntax in {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"}:
        raise RefusedInput(
            "lossy_transfer_syntax",
            f"The pixels are compressed with losses ({name}): their values are no Hounsfield units any more. "
            "Send the slices uncompressed or with lossless compression.",
        )
    raise RefusedInput(
        "unsupported_transfer_syntax",
        f"The pixels are stored as {name}, which can not be read. "
        "Send the slices uncompressed or with lossless compression.",
    )


def lossy_reason(syntax: str, declared_lossy: bool) -> Reason | None:
    """Return the reason for the report when compression has changed the values, else None."""
    if syntax in LOSSY_NEAR:
        sentence = f"The pixels were compressed with losses ({UID(syntax).name}): HU may be off by a few."
    elif declared_lossy:
        sentence = "The files say that they were once compressed with losses: HU may be off by a few."
    else:
        return None
    return Reason("lossy_compression", sentence)
