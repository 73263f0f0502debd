"""Is this data set a CT slice whose pixels are all there? Refusals in words."""

from __future__ import annotations

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID

from diagnosis.dicom.parsing import ParsedFile
from diagnosis.dicom.pixel_element import PIXEL_DATA, PixelElement
from diagnosis.geometry import RefusedInput

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
DICOMDIR = "1.2.840.10008.1.3.10"
ENHANCED = {
    "1.2.840.10008.5.1.4.1.1.2.1": "Enhanced CT",
    "1.2.840.10008.5.1.4.1.1.2.2": "Legacy Converted Enhanced CT",
}
MODALITY_NAMES = {
    "CR": "an X-ray", "DX": "an X-ray", "RG": "an X-ray", "RF": "fluoroscopy", "XA": "angiography",
    "MG": "a mammogram", "MR": "an MR image", "PT": "a PET image", "NM": "a nuclear medicine image",
    "US": "an ultrasound image", "SR": "a structured report", "SEG": "a segmentation",
    "PR": "a presentation state", "RTSTRUCT": "a set of contours", "DOC": "a document", "OT": "a picture",
    "SC": "a secondary capture",
}  # fmt: skip
LOCALIZER_TYPES = {"LOCALIZER", "SCOUT", "TOPOGRAM", "SCANOGRAM"}
MAX_SIDE = 4096
MAX_GROWTH = 2


def require_ct_slice(ds: Dataset, meta: FileMetaDataset) -> None:
    """Raise RefusedInput, saying what it is, when the data set is not one slice of a CT."""
    sop_class = str(ds.get("SOPClassUID") or meta.get("MediaStorageSOPClassUID") or "")
    if DICOMDIR in (sop_class, str(meta.get("MediaStorageSOPClassUID"))):
        raise RefusedInput("dicomdir", "This is a DICOM directory (DICOMDIR). Send the slices themselves.")
    if sop_class in ENHANCED:
        raise RefusedInput(
            "enhanced_ct", f"This is an {ENHANCED[sop_class]} file. Send the series as single CT slices."
        )
    modality = str(ds.get("Modality") or "").strip()[:16]
    if modality not in ("", "CT"):
        what = MODALITY_NAMES.get(modality, "something else")
        raise RefusedInput("not_ct", f"This is {what} (modality {modality}), not a CT.")
    if sop_class != CT_IMAGE:
        name = UID(sop_class).name if UID(sop_class).is_valid and sop_class else "of no named kind"
        raise RefusedInput("not_ct", f"This is not a CT slice ({name}).")
    image_type = ds.get("ImageType") or ()
    values = {image_type} if isinstance(image_type, str) else {str(value) for value in image_type}
    if LOCALIZER_TYPES & {value.strip().upper() for value in values}:
        raise RefusedInput("localizer", "This is a localizer (scout), not a slice.")
    _require_one_grey_frame(ds)


def _require_one_grey_frame(ds: Dataset) -> None:
    frames = ds.get("NumberOfFrames")
    if frames is not None and str(frames).strip() not in ("", "1"):
        raise RefusedInput(
            "multi_frame", "This file holds more than one frame. Send the series as single CT slices."
        )
    if ds.get("SamplesPerPixel", 1) != 1 or not str(
        ds.get("PhotometricInterpretation", "MONOCHROME2")
    ).startswith("MONOCHROME"):
        raise RefusedInput("colour", "This is a colour picture, not a CT slice.")


def require_pixels(parsed: ParsedFile) -> None:
    """Raise RefusedInput when the pixels are missing or are not what the header says."""
    if parsed.pixels is None:
        raise RefusedInput("no_pixels", "This file has no pixels.")
    ds = parsed.dataset
    rows, columns = _side(ds, "Rows"), _side(ds, "Columns")
    allocated, stored = ds.get("BitsAllocated"), ds.get("BitsStored")
    if allocated not in (8, 16) or not isinstance(stored, int) or not 1 < stored <= allocated:
        raise RefusedInput("bad_pixels", "The pixels of this file are not of 8 to 16 bits.")
    if ds.get("HighBit", stored - 1) != stored - 1 or ds.get("PixelRepresentation") not in (0, 1):
        raise RefusedInput("bad_pixels", "This file does not say how its pixels are stored.")
    if parsed.pixels.tag != PIXEL_DATA or parsed.pixels.encapsulated != parsed.syntax.is_encapsulated:
        raise RefusedInput("bad_pixels", "The pixels of this file are not encoded as it says.")
    _require_length(parsed.pixels, rows, columns, allocated)


def _require_length(pixels: PixelElement, rows: int, columns: int, bits: int) -> None:
    """Compressed pixels longer than MAX_GROWTH times the picture are made to exhaust a decoder."""
    raw_bytes = rows * columns * bits // 8
    if pixels.value_bytes < (1 if pixels.encapsulated else raw_bytes):
        raise RefusedInput("bad_pixels", f"This file holds fewer pixels than {rows} x {columns}.")
    if pixels.encapsulated and pixels.value_bytes > MAX_GROWTH * raw_bytes + 2**16:
        raise RefusedInput("bad_pixels", f"The compressed pixels are too long for {rows} x {columns}.")


def _side(ds: Dataset, keyword: str) -> int:
    side = ds.get(keyword)
    if not isinstance(side, int) or not 0 < side <= MAX_SIDE:
        raise RefusedInput("bad_pixels", f"This file does not have 1 to {MAX_SIDE} {keyword.lower()}.")
    return side
