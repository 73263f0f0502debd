"""From files to a volume: sides, order and values survive every way of storing them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from diagnosis.dicom.headers import read_header
from diagnosis.dicom.reader import inspect_headers, read_folder, read_series
from diagnosis.geometry import RefusedInput
from tests.phantoms import ORIENTATIONS, ChestPhantom, write_dicom_series

LOSSLESS = {
    "implicit": "1.2.840.10008.1.2",
    "explicit": "1.2.840.10008.1.2.1",
    "deflated": "1.2.840.10008.1.2.1.99",
    "big endian": "1.2.840.10008.1.2.2",
    "JPEG-LS": "1.2.840.10008.1.2.4.80",
    "JPEG 2000": "1.2.840.10008.1.2.4.90",
    "RLE": "1.2.840.10008.1.2.5",
}


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("order", ["shuffled", "cranial-first"])
def test_every_orientation_gives_the_same_volume(
    phantom: ChestPhantom, tmp_path: Path, orientation: str, order: str
) -> None:
    paths = write_dicom_series(phantom.volume, tmp_path, orientation=orientation, order=order)

    loaded = read_series(paths)

    np.testing.assert_array_equal(loaded.volume.hu, phantom.volume.hu)
    np.testing.assert_allclose(loaded.volume.affine, phantom.volume.affine, atol=1e-6)
    assert loaded.report.grade == "full"
    assert loaded.report.spacing_mm == pytest.approx((4.0, 3.5, 3.5))
    assert loaded.report.extent_mm == pytest.approx((224, 280, 336))
    assert loaded.report.plane == (orientation if orientation in ("sagittal", "coronal") else "axial")


@pytest.mark.parametrize("syntax", LOSSLESS)
def test_lossless_syntaxes_give_identical_values(phantom: ChestPhantom, tmp_path: Path, syntax: str) -> None:
    paths = write_dicom_series(phantom.volume, tmp_path, transfer_syntax=LOSSLESS[syntax])

    loaded = read_series(paths)

    np.testing.assert_array_equal(loaded.volume.hu, phantom.volume.hu)
    assert loaded.report.transfer_syntax == LOSSLESS[syntax]
    assert loaded.report.grade == "full"


def test_slope_and_intercept_are_applied_per_slice(phantom: ChestPhantom, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    slopes = rng.choice([0.5, 1.0, 0.25], 56)
    intercepts = rng.choice([-1024.0, 0.0, -8192.0], 56)

    loaded = read_series(
        write_dicom_series(phantom.volume, tmp_path, slope=list(slopes), intercept=list(intercepts))
    )

    np.testing.assert_array_equal(loaded.volume.hu, phantom.volume.hu)


def test_fractional_values_are_rounded_to_the_nearest_integer(phantom: ChestPhantom, tmp_path: Path) -> None:
    paths = write_dicom_series(phantom.volume, tmp_path, slope=3.0, intercept=-1024.3)

    loaded = read_series(paths)

    stored = np.rint((phantom.volume.hu + 1024.3) / 3)
    np.testing.assert_array_equal(loaded.volume.hu, np.rint(stored * 3 - 1024.3))


def test_slices_are_named_in_array_order(phantom: ChestPhantom, tmp_path: Path) -> None:
    for orientation in ("axial head-first", "feet-first", "flipped"):
        paths = write_dicom_series(phantom.volume, tmp_path / orientation, orientation=orientation)
        position = {header.sop_instance_uid: header.position[2] for header in map(read_header, paths)}

        uids = read_series(paths).sop_instance_uids

        assert [position[uid] for uid in uids] == sorted(position.values())


def test_a_small_tilt_stays_in_the_affine(phantom: ChestPhantom, tmp_path: Path) -> None:
    loaded = read_series(write_dicom_series(phantom.volume, tmp_path, oblique_degrees=4))

    np.testing.assert_array_equal(loaded.volume.hu, phantom.volume.hu)
    angle = np.radians(4)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    np.testing.assert_allclose(loaded.volume.affine[:3], turn @ phantom.volume.affine[:3], atol=1e-4)
    assert loaded.report.oblique_degrees == pytest.approx(4, abs=0.01)
    assert loaded.report.grade == "full"


def test_missing_slices_are_filled_between_their_neighbours(phantom: ChestPhantom, tmp_path: Path) -> None:
    loaded = read_series(write_dicom_series(phantom.volume, tmp_path, drop=[20, 21]))

    hu, truth = loaded.volume.hu.astype(float), phantom.volume.hu.astype(float)
    assert hu.shape == truth.shape
    np.testing.assert_array_equal(np.delete(hu, [20, 21], 0), np.delete(truth, [20, 21], 0))
    np.testing.assert_allclose(hu[20], truth[19] * 2 / 3 + truth[22] / 3, atol=0.51)
    np.testing.assert_allclose(hu[21], truth[19] / 3 + truth[22] * 2 / 3, atol=0.51)
    assert loaded.report.grade == "limited"


def test_header_report_agrees_with_the_report_of_the_volume(phantom: ChestPhantom, tmp_path: Path) -> None:
    paths = write_dicom_series(phantom.volume, tmp_path, drop=[20])

    assert inspect_headers([read_header(path) for path in paths]) == read_series(paths).report


def test_values_that_are_no_hounsfield_units_are_unusable(phantom: ChestPhantom, tmp_path: Path) -> None:
    paths = write_dicom_series(phantom.volume, tmp_path, extra={"RescaleSlope": "1", "RescaleIntercept": "0"})

    report = read_series(paths).report

    assert report.grade == "unusable"
    assert [reason.code for reason in report.reasons] == ["not_hounsfield"]


def test_a_file_cut_short_is_named_by_its_reason(phantom: ChestPhantom, tmp_path: Path) -> None:
    paths = write_dicom_series(phantom.volume, tmp_path)
    paths[5].write_bytes(paths[5].read_bytes()[:-300])

    with pytest.raises(RefusedInput, match="cut short"):
        read_series(paths)


def test_a_compressed_frame_cut_short_inside_its_fragment_is_refused(
    phantom: ChestPhantom, tmp_path: Path
) -> None:
    paths = write_dicom_series(phantom.volume, tmp_path, transfer_syntax="1.2.840.10008.1.2.4.80")
    content = bytearray(paths[5].read_bytes())
    end = content.rindex(b"\xff\xd9")
    content[end - 400 : end + 2] = bytes(402)
    paths[5].write_bytes(content)

    with pytest.raises(RefusedInput) as refused:
        read_series(paths)
    assert refused.value.code == "damaged_pixels"


def test_a_frame_that_claims_another_size_is_refused_before_decoding(
    phantom: ChestPhantom, tmp_path: Path
) -> None:
    for name, syntax, marker, offset in (
        ("JPEG 2000", "1.2.840.10008.1.2.4.90", b"\xff\x4f\xff\x51", 8),
        ("JPEG-LS", "1.2.840.10008.1.2.4.80", b"\xff\xf7", 5),
    ):
        paths = write_dicom_series(phantom.volume, tmp_path / name, transfer_syntax=syntax)
        content = bytearray(paths[5].read_bytes())
        at = content.index(marker) + offset
        content[at : at + 4] = b"\x00\x00\xff\xff" if name == "JPEG 2000" else b"\xff\xff\xff\xff"
        paths[5].write_bytes(content)

        with pytest.raises(RefusedInput, match="not 80 x 96"):
            read_series(paths)


def test_it_reads_a_folder_beside_other_files(phantom: ChestPhantom, tmp_path: Path) -> None:
    write_dicom_series(phantom.volume, tmp_path / "a" / "b")
    (tmp_path / "readme.txt").write_text("notes")

    loaded = read_folder(tmp_path)

    np.testing.assert_array_equal(loaded.volume.hu, phantom.volume.hu)
    assert loaded.warnings == ("readme.txt: ignored. This is not a DICOM file.",)
    assert set(loaded.series) == {"study_instance_uid", "series_instance_uid"}
