"""Which series of a folder is read, and what is said of the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from diagnosis.dicom.series import choose_series, find_series
from diagnosis.geometry import RefusedInput
from tests.phantoms import ChestPhantom, chest_phantom, write_dicom_series


def test_it_takes_the_thinnest_original_axial_series(phantom: ChestPhantom, tmp_path: Path) -> None:
    thin = chest_phantom(slices=112).volume
    write_dicom_series(phantom.volume, tmp_path / "a", description="Chest 4.0")
    write_dicom_series(
        thin, tmp_path / "b", description="Reformat", extra={"ImageType": ["DERIVED", "SECONDARY"]}
    )
    write_dicom_series(thin, tmp_path / "c", description="Coronal", orientation="coronal")
    write_dicom_series(thin, tmp_path / "d", description="Thin", drop=range(5, 112))
    write_dicom_series(chest_phantom(slices=28).volume, tmp_path / "e", description="Chest 8.0")

    chosen, warnings = choose_series(find_series(tmp_path))

    assert chosen.headers[0].series_description == "Chest 4.0"
    assert warnings == [
        'Series "Chest 8.0" (28 slices) was left aside.',
        'Series "Coronal" (80 slices) was left aside.',
        'Series "Reformat" (112 slices) was left aside.',
        'Series "Thin" (5 slices) was left aside.',
    ]


def test_it_groups_slices_by_series_whatever_the_folder(phantom: ChestPhantom, tmp_path: Path) -> None:
    write_dicom_series(phantom.volume, tmp_path / "a", series_uid="1.2.3", drop=range(30))
    write_dicom_series(phantom.volume, tmp_path / "b", series_uid="1.2.3", drop=range(30, 56))

    [series] = find_series(tmp_path).series

    assert len(series.files) == 56


def test_it_reads_one_file_by_its_path(phantom: ChestPhantom, tmp_path: Path) -> None:
    paths = write_dicom_series(phantom.volume, tmp_path)

    [series] = find_series(paths[3]).series

    assert list(series.files) == [paths[3]]


def test_refused_files_are_named_by_reason_and_localizers_stay_out(
    phantom: ChestPhantom, tmp_path: Path
) -> None:
    write_dicom_series(phantom.volume, tmp_path / "a")
    scout = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}
    write_dicom_series(phantom.volume, tmp_path / "b", drop=range(1, 56), extra=scout)
    for name in "abcde":
        (tmp_path / f"{name}.txt").write_text("x")

    found = find_series(tmp_path)

    assert choose_series(found)[1] == [
        "a.txt, b.txt, c.txt and 2 more: ignored. This is not a DICOM file.",
        "IM00001.dcm: ignored. This is a localizer (scout), not a slice.",
    ]


@pytest.mark.parametrize(
    ("names", "code", "words"),
    [
        ([], "no_slices", "The folder is empty."),
        (["a"], "not_dicom", "This is not a DICOM file."),
        (["a", "b"], "not_dicom", "no CT slice among 2 files. Most of them: This is not a DICOM file."),
    ],
)
def test_a_folder_without_ct_is_refused(tmp_path: Path, names: list[str], code: str, words: str) -> None:
    for name in names:
        (tmp_path / name).write_text("x")

    with pytest.raises(RefusedInput) as refused:
        choose_series(find_series(tmp_path))

    assert refused.value.code == code
    assert words in refused.value.sentence


def test_a_path_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedInput) as refused:
        find_series(tmp_path / "nowhere")
    assert refused.value.code == "not_found"
