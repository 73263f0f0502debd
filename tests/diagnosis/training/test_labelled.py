"""Labelled volumes: what the folder holds, slice by slice, and nothing that was changed since."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from diagnosis.geometry import RefusedInput
from diagnosis.labels import read_label_folder, write_label_folder
from diagnosis.training.labelled import LabelledStudies, open_labelled
from tests.diagnosis.training.folders import study, write_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labels") / "labels"
    write_folder(folder)
    return folder


@pytest.fixture(scope="module")
def studies(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> LabelledStudies:
    return open_labelled(folder, tmp_path_factory.mktemp("cache"))


def test_slices_are_those_of_the_folder(folder: Path, studies: LabelledStudies) -> None:
    volume = studies.part("train")[1]
    truth = read_label_folder(folder).read(volume.study)

    np.testing.assert_array_equal(volume.hu(3, 7), truth.volume.hu[3:7])
    np.testing.assert_allclose(volume.affine, truth.volume.affine)
    for name in ("outline", "ignore", "lungs", "lobes", "vessels"):
        np.testing.assert_array_equal(volume.labels(name, 0, volume.shape[0]), getattr(truth, name))
    assert not volume.labels("look", 2, 3).any()
    assert volume.class_name == "COVID-19"
    assert studies.label_set == read_label_folder(folder).label_set


def test_counts_say_which_slices_hold_a_value(studies: LabelledStudies) -> None:
    volume = studies.part("train")[0]
    outline = volume.labels("outline", 0, volume.shape[0])

    expected = np.flatnonzero((outline == 3).sum(axis=(1, 2)) >= 5)
    np.testing.assert_array_equal(volume.slices_with("outline", [3], 5), expected)
    assert len(expected) > 0
    assert len(volume.slices_with("look", [1])) == 0


def test_a_slice_outside_is_an_error(studies: LabelledStudies) -> None:
    volume = studies.part("train")[0]
    for start, stop in ((-1, 1), (0, volume.shape[0] + 1), (3, 3)):
        with pytest.raises(IndexError):
            volume.hu(start, stop)


def test_the_second_opening_decodes_nothing(folder: Path, tmp_path: Path) -> None:
    open_labelled(folder, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}

    open_labelled(folder, tmp_path)

    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    assert all(path.suffix == ".npy" for path in before)


def test_a_changed_file_is_refused_even_when_it_is_in_the_cache(tmp_path: Path) -> None:
    write_folder(tmp_path / "labels")
    open_labelled(tmp_path / "labels", tmp_path / "cache")
    changed = tmp_path / "labels/phantom-0/lungs.nii.gz"
    changed.write_bytes(changed.read_bytes() + b"\0")

    with pytest.raises(RefusedInput, match=r"lungs\.nii\.gz is missing or was changed"):
        open_labelled(tmp_path / "labels", tmp_path / "cache")


def test_an_empty_part_is_refused_in_a_sentence(tmp_path: Path) -> None:
    write_label_folder(tmp_path / "labels", [study(0)])

    studies = open_labelled(tmp_path / "labels", tmp_path / "cache")

    with pytest.raises(RefusedInput, match="no studies in its validation part"):
        studies.part("validation")


def test_three_slices_are_read_in_about_a_millisecond(studies: LabelledStudies) -> None:
    volume = studies.part("train")[0]
    volume.hu(0, 3)

    started = time.process_time()
    for _ in range(100):
        volume.hu(4, 7)

    assert (time.process_time() - started) / 100 < 0.001
