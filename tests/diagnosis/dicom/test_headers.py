"""What one file says of itself, and the sentence for every file that is no readable CT slice."""

from __future__ import annotations

import datetime
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from diagnosis.dicom.headers import read_header
from diagnosis.geometry import RefusedInput
from tests.phantoms import ChestPhantom

SliceFile = Callable[..., Path]


def test_it_reads_identity_and_place(phantom: ChestPhantom, slice_file: SliceFile) -> None:
    header = read_header(slice_file())

    assert (header.patient_id, header.patient_name) == ("PHANTOM-1", "Phantom^Box")
    assert header.patient_birth_date == datetime.date(1960, 1, 2)
    assert header.study_date == datetime.date(2020, 1, 31)
    assert header.orientation == ((1, 0, 0), (0, 1, 0))
    assert header.position == pytest.approx((-162.25, -318.25, -950 + 28 * 4.0))
    assert header.pixel_spacing == (3.5, 3.5)
    assert (header.rows, header.columns) == (80, 96)
    assert (header.slope, header.intercept, header.thickness) == (1, -1024, 4)
    assert header.image_type == ("ORIGINAL", "PRIMARY", "AXIAL")
    assert not header.is_derived


def test_it_reads_names_in_other_alphabets(slice_file: SliceFile) -> None:
    header = read_header(slice_file(SpecificCharacterSet="ISO_IR 192", PatientName="山田^太郎"))

    assert header.patient_name == "山田^太郎"


def test_it_takes_control_characters_out_of_texts(slice_file: SliceFile) -> None:
    header = read_header(slice_file(SeriesDescription="Lung\r\n\x00\x1b[31m 5.0"))

    assert header.series_description == "Lung[31m 5.0"


def test_it_takes_unreadable_optional_values_for_absent(slice_file: SliceFile) -> None:
    path = slice_file(StudyDate="20201399", PatientBirthDate="unknown!", SliceThickness=None)

    header = read_header(path)

    assert (header.study_date, header.patient_birth_date, header.thickness) == (None, None, None)


@pytest.mark.parametrize(
    ("attributes", "code", "words"),
    [
        ({"Modality": "DX"}, "not_ct", "This is an X-ray (modality DX), not a CT."),
        ({"Modality": "MR"}, "not_ct", "This is an MR image (modality MR), not a CT."),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, "not_ct", "Secondary Capture"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2.1"}, "enhanced_ct", "Enhanced CT"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "localizer", "localizer (scout)"),
        ({"NumberOfFrames": 2}, "multi_frame", "more than one frame"),
        ({"PhotometricInterpretation": "RGB"}, "colour", "colour picture"),
        ({"PixelData": None}, "no_pixels", "This file has no pixels."),
        ({"Rows": 4000}, "bad_pixels", "fewer pixels than 4000 x 96"),
        ({"Rows": 0}, "bad_pixels", "1 to 4096 rows"),
        ({"BitsStored": 17}, "bad_pixels", "8 to 16 bits"),
        ({"ImagePositionPatient": None}, "no_geometry", "where the slice lies"),
        ({"ImagePositionPatient": ["nan", 0, 0]}, "no_geometry", "where the slice lies"),
        ({"ImageOrientationPatient": None}, "no_geometry", "how the slice lies"),
        ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, "bad_geometry", "pair of directions"),
        ({"PixelSpacing": None}, "no_geometry", "how large its pixels are"),
        ({"PixelSpacing": [0, 0]}, "bad_geometry", "not between 0.05 and 20 mm"),
        ({"RescaleSlope": 0}, "bad_rescale", "slope of this file is zero"),
        ({"RescaleIntercept": "inf"}, "bad_rescale", "RescaleIntercept"),
        ({"SeriesInstanceUID": "../../etc/passwd"}, "bad_uid", "SeriesInstanceUID"),
        ({"StudyInstanceUID": None}, "no_uid", "StudyInstanceUID"),
        ({"SOPInstanceUID": "1." * 40 + "1"}, "bad_uid", "SOPInstanceUID"),
        ({"PatientID": "7" * 65}, "bad_identifier", "longer than 64"),
    ],
)
def test_it_refuses_in_words(
    slice_file: SliceFile, edited: SliceFile, attributes: dict[str, Any], code: str, words: str
) -> None:
    path = edited(slice_file(), **attributes)

    with pytest.raises(RefusedInput) as refused:
        read_header(path)

    assert refused.value.code == code
    assert words in refused.value.sentence


def test_it_refuses_what_is_no_dicom(tmp_path: Path) -> None:
    for content, code in ((b"", "empty"), (b"hello", "not_dicom"), (b"\0" * 5000, "not_dicom")):
        path = tmp_path / "file"
        path.write_bytes(content)
        with pytest.raises(RefusedInput) as refused:
            read_header(path)
        assert refused.value.code == code


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.4.90"])
@pytest.mark.parametrize("lost", [1, 100, 5000])
def test_it_refuses_a_truncated_file(slice_file: SliceFile, syntax: str, lost: int) -> None:
    path = slice_file(syntax)
    path.write_bytes(path.read_bytes()[:-lost])

    with pytest.raises(RefusedInput) as refused:
        read_header(path)

    assert refused.value.sentence == "This file is cut short. Send it again."


def test_it_refuses_a_deflate_bomb(slice_file: SliceFile) -> None:
    path = slice_file("1.2.840.10008.1.2.1.99")
    content = path.read_bytes()
    start = 132 + 12 + pydicom.dcmread(path).file_meta.FileMetaInformationGroupLength
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = b"".join(deflater.compress(bytes(2**20)) for _ in range(100)) + deflater.flush()
    path.write_bytes(content[:start] + bomb)

    with pytest.raises(RefusedInput) as refused:
        read_header(path)

    assert refused.value.code == "too_large"


def test_it_refuses_deep_nesting(slice_file: SliceFile) -> None:
    path = slice_file()
    dataset = pydicom.dcmread(path)
    inner = Dataset()
    inner.PatientID = "deep"
    for _ in range(150):
        outer = Dataset()
        outer.ReferencedImageSequence = [inner]
        outer["ReferencedImageSequence"].is_undefined_length = True
        inner = outer
    nested = bytearray()
    level = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    nested += level * 5000
    content = path.read_bytes()
    at = 132 + 12 + dataset.file_meta.FileMetaInformationGroupLength
    path.write_bytes(content[:at] + bytes(nested) + content[at:])

    with pytest.raises(RefusedInput):
        read_header(path)


def test_it_skips_large_private_blocks_but_not_large_values(slice_file: SliceFile, edited: SliceFile) -> None:
    path = slice_file()
    dataset = pydicom.dcmread(path)
    dataset.private_block(0x0029, "LUNGSIGHT", create=True).add_new(1, "OB", bytes(8 * 2**20))
    dataset.save_as(path)
    assert read_header(path).patient_id == "PHANTOM-1"

    dataset = pydicom.dcmread(path)
    dataset["SeriesDescription"].VR = "UT"
    dataset.SeriesDescription = "x" * 8 * 2**20
    dataset.save_as(path)
    with pytest.raises(RefusedInput) as refused:
        read_header(path)
    assert refused.value.code == "header_too_large"


def test_it_refuses_a_dicom_directory(tmp_path: Path) -> None:
    from pydicom.fileset import FileSet

    FileSet().write(tmp_path)

    with pytest.raises(RefusedInput) as refused:
        read_header(tmp_path / "DICOMDIR")
    assert refused.value.code == "dicomdir"


def test_it_names_a_transfer_syntax_that_it_does_not_read(slice_file: SliceFile) -> None:
    path = slice_file("1.2.840.10008.1.2.4.90")
    for uid, words in (
        ("1.2.840.10008.1.2.4.50", "JPEG Baseline"),
        ("1.2.840.10008.1.2.4.51", "JPEG Extended"),
        ("1.2.840.10008.1.2.4.100", "MPEG2"),
        (generate_uid(), "not known"),
    ):
        dataset = pydicom.dcmread(path)
        dataset.file_meta.TransferSyntaxUID = uid
        dataset.save_as(path, implicit_vr=False, little_endian=True)
        with pytest.raises(RefusedInput, match=words):
            read_header(path)
