"""Real CTs, real compressed slices and real series that are no volume."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pydicom
import pytest

from diagnosis.dicom.headers import read_header
from diagnosis.dicom.pixels import read_hounsfield
from diagnosis.dicom.reader import read_folder
from diagnosis.dicom.syntaxes import LOSSLESS, lossy_reason
from diagnosis.geometry import RefusedInput

pytestmark = pytest.mark.sample_data


@pytest.mark.parametrize(
    ("name", "shape", "spacing"),
    [
        ("covid-P001", (148, 512, 512), (2.0, 0.748, 0.748)),
        ("cap-cap001", (168, 512, 512), (2.0, 0.590, 0.590)),
        ("normal-normal001", (154, 512, 512), (2.0, 0.635, 0.635)),
        ("nodule-LIDC-IDRI-0001", (133, 512, 512), (2.5, 0.703, 0.703)),
    ],
)
def test_real_chests_are_read_whole_and_upright(
    sample_data: Path, name: str, shape: tuple[int, int, int], spacing: tuple[float, float, float]
) -> None:
    start = time.perf_counter()
    loaded = read_folder(sample_data / "chest-ct" / name)
    seconds = time.perf_counter() - start

    assert (loaded.report.grade, loaded.report.reasons, loaded.warnings) == ("full", (), ())
    assert loaded.volume.shape == shape
    assert loaded.volume.spacing_mm == pytest.approx(spacing, abs=0.001)
    # Bone of the spine lies in the posterior half, and air fills more of the chest than of the abdomen.
    bone = np.argwhere(loaded.volume.hu[::4, ::4, ::4] > 300)
    assert bone[:, 1].mean() > shape[1] / 4 / 2
    lung = (loaded.volume.hu[:, ::4, ::4] < -700) & (loaded.volume.hu[:, ::4, ::4] > -950)
    per_slice = lung.sum((1, 2))
    assert per_slice[len(per_slice) // 2 :].sum() > per_slice[: len(per_slice) // 4].sum()
    assert seconds < 30


REFERENCE = "CTImage.dcm_LittleEndianExplicitTransferSyntax_1.2.840.10008.1.2.1.dcm"


def test_lossless_real_slices_are_identical_and_the_others_named(sample_data: Path) -> None:
    folder = sample_data / "transfer-syntaxes"
    truth = pydicom.dcmread(folder / REFERENCE).pixel_array.astype(int) - 1024
    identical, near, refused = set(), set(), {}
    for path in folder.glob("*.dcm"):
        syntax = str(pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID)
        try:
            header = read_header(path)
        except RefusedInput as error:
            refused[path.name] = error.sentence
            continue
        difference = np.abs(read_hounsfield(path, header) - truth).max()
        if difference == 0:
            assert lossy_reason(syntax, header.declared_lossy) is None
            identical.add(syntax)
        else:
            assert difference <= 5
            assert lossy_reason(syntax, header.declared_lossy) is not None
            near.add(syntax)

    assert identical == LOSSLESS - {"1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202"}
    assert near == {"1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.91"}
    assert "Enhanced CT" in refused.pop("CT0012.fragmented_no_bot_jpeg_baseline.51.dcm")
    assert sorted(name[-6:-4] for name in refused) == ["50", "51", "53", "55"]
    assert all("JPEG" in sentence for sentence in refused.values())


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("gantrytilting/001", "tilted by 14 degrees"),
        ("notavolume/001", "All 4 slices lie at the same place"),
        ("slicecount/001", "MR image"),
        ("sliceincrement/002", "tilted by 16 degrees"),
        ("sliceorientation/001", "MR image"),
    ],
)
def test_real_series_that_are_no_volume_are_refused_in_words(
    sample_data: Path, folder: str, words: str
) -> None:
    with pytest.raises(RefusedInput, match=words):
        read_folder(sample_data / "bad-geometry" / folder)


def test_a_real_series_with_a_missing_slice_is_unusable(sample_data: Path) -> None:
    report = read_folder(sample_data / "bad-geometry" / "sliceincrement" / "001").report

    assert report.grade == "unusable"
    assert report.missing_mm == pytest.approx((33.1,), abs=0.1)
    assert any("1 slice is missing between 28 and 38 mm" in reason.sentence for reason in report.reasons)
