"""Decode one slice and rescale it to Hounsfield units."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.encaps import generate_frames
from pydicom.pixels.utils import pixel_array
from pydicom.uid import RLELossless

from diagnosis.dicom.codestream import claimed_size
from diagnosis.dicom.headers import SliceHeader
from diagnosis.dicom.parsing import ParsedFile, parse_file, parser_boundary
from diagnosis.geometry import RefusedInput
from diagnosis.hounsfield import rounded
from diagnosis.volume import HounsfieldArray

KEYWORDS = (
    "SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames", "Rows", "Columns", "BitsAllocated",
    "BitsStored", "HighBit", "PixelRepresentation", "ExtendedOffsetTable", "ExtendedOffsetTableLengths",
    "PixelData",
)  # fmt: skip

PLUGINS = {RLELossless: "pydicom"}
"""The faster RLE decoder panics beyond every except clause on damaged segments."""
END_OF_IMAGE = b"\xff\xd9"
"""EOI of JPEG and JPEG-LS, EOC of JPEG 2000."""
LONGEST_PADDING = 16


def read_hounsfield(path: Path, header: SliceHeader) -> HounsfieldArray:
    """Return the slice in HU, int16 ``[row, column]``: slope * stored + intercept, rounded to the nearest
    integer. Values that pad the image stay what the file says. Raises RefusedInput when it can not be
    decoded to what ``header`` promises."""
    parsed = parse_file(path, KEYWORDS, with_pixels=True)
    with parser_boundary("damaged_pixels", "The pixels of this file are damaged."):
        _require_size(parsed, header)
        parsed.dataset.file_meta = parsed.meta
        stored = pixel_array(parsed.dataset, decoding_plugin=PLUGINS.get(parsed.syntax, ""))
    if stored.shape != (header.rows, header.columns) or stored.dtype.kind not in "iu":
        raise RefusedInput(
            "bad_pixels", f"The pixels of this file are not {header.rows} x {header.columns} integers."
        )
    return rescaled(stored, header.slope, header.intercept)


def rescaled(stored: NDArray[Any], slope: float | None, intercept: float | None) -> HounsfieldArray:
    """Return slope * stored + intercept as rounded int16; absent ones count as 1 and 0."""
    slope, intercept = slope if slope is not None else 1.0, intercept or 0.0
    if slope == 1 and intercept % 1 == 0 and abs(intercept) < 2**30:
        whole = stored.astype(np.int32) + int(intercept)
        return np.clip(whole, -32768, 32767).astype(np.int16)
    return rounded(stored * np.float64(slope) + intercept)


def _require_size(parsed: ParsedFile, header: SliceHeader) -> None:
    """Refuse a frame of another size before a decoder allocates memory for it, and one that is cut short,
    which some decoders would fill up silently."""
    if not parsed.syntax.is_encapsulated or parsed.syntax == RLELossless:
        return
    frame = next(generate_frames(parsed.dataset.PixelData, number_of_frames=1))
    if claimed_size(frame) != (header.rows, header.columns):
        raise RefusedInput(
            "bad_pixels", f"The pixels of this file are not {header.rows} x {header.columns} as it says."
        )
    if END_OF_IMAGE not in frame[-LONGEST_PADDING:]:
        raise RefusedInput("damaged_pixels", "The compressed pixels of this file are cut short.")
