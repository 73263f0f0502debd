"""Phantoms as files: the same voxels come back from DICOM, truth and label folder."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest

from diagnosis.dicom.reader import read_folder
from diagnosis.labels import read_label_folder
from diagnosis.nifti import read_labels
from diagnosis.phantom import export
from diagnosis.phantom.dicom_export import stored_values, write_dicom
from diagnosis.phantom.export import (
    LABEL_MAPS,
    label_of,
    split_of,
    with_scanner,
    write_labels_folder,
    write_truth,
)
from diagnosis.phantom.phantom import VERSION, Phantom, PhantomRequest
from diagnosis.phantom.scanners import (
    CALIBRATION_SCANNERS,
    DRAWN,
    SCANNERS,
    TRAINING_SCANNERS,
    UNSEEN_SCANNERS,
    Storage,
    scanner_named,
)
from diagnosis.volume import CTVolume
from tests.diagnosis.phantom.standins import phantom_on

PHANTOM = phantom_on(SCANNERS["aster-standard"])


@pytest.mark.parametrize("name", [*SCANNERS, "drawn-4", "drawn-5"])
def test_a_series_reads_back_without_loss_on_every_scanner(name: str, tmp_path: Path) -> None:
    phantom = phantom_on(scanner_named(name))

    paths = write_dicom(phantom, tmp_path / "dicom")
    loaded = read_folder(tmp_path / "dicom")

    assert len(paths) == phantom.volume.shape[0]
    assert loaded.warnings == ()
    np.testing.assert_array_equal(loaded.volume.hu, phantom.volume.hu)
    np.testing.assert_allclose(loaded.volume.affine, phantom.volume.affine, atol=1e-5)
    assert loaded.report.model.startswith("Lungsight Phantom ")
    assert loaded.report.kernel == phantom.truth.scanner.kernel.name


def test_values_of_another_origin_come_back_within_half_a_slope(tmp_path: Path) -> None:
    phantom = phantom_on(SCANNERS["ember-standard"])
    odd = CTVolume(phantom.volume.hu | np.int16(1), phantom.volume.affine)
    write_dicom(replace(phantom, volume=odd), tmp_path)
    change = read_folder(tmp_path).volume.hu.astype(int) - odd.hu
    assert 0 < np.abs(change).max() <= SCANNERS["ember-standard"].storage.slope / 2


def test_values_beyond_the_scanner_s_bits_are_an_error_not_a_wrap() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        stored_values(np.array([[3072]], np.int16), Storage())
    with pytest.raises(ValueError, match="do not fit"):
        stored_values(np.array([[-1025]], np.int16), Storage())


@pytest.mark.parametrize(
    "name", ["aster-lung", "borealis-standard", "delta-moving", "ember-sharp", "frost-low-dose"]
)
def test_every_file_is_valid_dicom(name: str, tmp_path: Path) -> None:
    validator = shutil.which("dciodvfy")
    if validator is None:
        pytest.skip("dciodvfy (dicom3tools) is not installed")
    for path in write_dicom(phantom_on(SCANNERS[name]), tmp_path)[::5]:
        said = subprocess.run([validator, str(path)], capture_output=True, text=True, check=False).stderr
        assert "Error" not in said, said


def test_identity_and_uids_follow_from_the_request_alone(tmp_path: Path) -> None:
    first, again = write_dicom(PHANTOM, tmp_path / "a"), write_dicom(PHANTOM, tmp_path / "b")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    slices = [pydicom.dcmread(path) for path in first]
    one = slices[0]
    assert one.PatientID == "PHANTOM-5"
    assert one.PatientSex == PHANTOM.truth.patient.sex
    assert int(one.PatientAge[:3]) == PHANTOM.truth.patient.age
    assert one.StudyDate == "20200110", "day 8 of the illness"
    assert len({ds.SOPInstanceUID for ds in slices}) == len(slices)
    assert len({ds.SeriesInstanceUID for ds in slices}) == 1
    assert all(ds.SOPInstanceUID.startswith("2.25.") and ds.SOPInstanceUID.is_valid for ds in slices)
    other = pydicom.dcmread(write_dicom(phantom_on(SCANNERS["aster-lung"]), tmp_path / "c")[0])
    assert other.SeriesInstanceUID != one.SeriesInstanceUID
    assert other.StudyInstanceUID != one.StudyInstanceUID
    assert other.PatientID == one.PatientID


def test_slices_are_numbered_from_cranial_to_caudal(tmp_path: Path) -> None:
    heights = [
        float(pydicom.dcmread(path).ImagePositionPatient[2]) for path in write_dicom(PHANTOM, tmp_path)
    ]
    assert heights == sorted(heights, reverse=True)


def test_truth_is_written_as_the_contract_says(tmp_path: Path) -> None:
    write_truth(PHANTOM, tmp_path)

    assert {path.name for path in tmp_path.iterdir()} == {"truth", "truth.json"}
    assert {path.name for path in (tmp_path / "truth").iterdir()} == {
        *(f"{name}.nii.gz" for name in LABEL_MAPS), "ignore.nii.gz",
    }  # fmt: skip
    for name in (*LABEL_MAPS, "ignore"):
        labels, affine = read_labels(tmp_path / "truth" / f"{name}.nii.gz")
        np.testing.assert_array_equal(labels, getattr(PHANTOM, name))
        np.testing.assert_allclose(affine, PHANTOM.volume.affine, atol=1e-4)
    content = json.loads((tmp_path / "truth.json").read_text())
    assert list(content) == [
        "seed", "version", "class", "day", "scanner", "infected_percent", "lung_ml", "lobes_ml",
    ]  # fmt: skip
    assert (content["seed"], content["version"], content["class"]) == (5, VERSION, "COVID-19")
    assert content["scanner"] == "aster-standard"
    assert content["infected_percent"] == PHANTOM.truth.infected_percent


def test_a_label_teaches_lesions_anatomy_and_what_to_ignore() -> None:
    label = label_of(PHANTOM)
    assert label.kinds == ("outline", "background")
    assert (label.class_name, label.patient) == ("COVID-19", "phantom-5")
    for mask, truth in (
        (label.outline, PHANTOM.lesions), (label.ignore, PHANTOM.ignore), (label.lungs, PHANTOM.lungs),
        (label.lobes, PHANTOM.lobes), (label.vessels, PHANTOM.vessels),
    ):  # fmt: skip
        assert mask is not None
        np.testing.assert_array_equal(mask, truth)
    assert label.provenance["phantom"] == 5
    assert label.provenance["scanner"] == "aster-standard"
    assert label.provenance["version"] == VERSION
    json.dumps(dict(label.provenance), allow_nan=False)


def test_the_longest_study_name_is_a_name() -> None:
    truth = replace(
        PHANTOM.truth, seed=2**31 - 1, day=10.123456, scanner=scanner_named(f"{DRAWN}{2**31 - 1}")
    )
    assert len(label_of(replace(PHANTOM, truth=truth)).study) <= 64


def test_a_seed_stands_on_one_side_for_life() -> None:
    sides = [split_of(seed) for seed in range(2000)]
    assert sides[:8] == [split_of(seed) for seed in range(8)]
    shares = {side: sides.count(side) / len(sides) for side in set(sides)}
    assert shares == pytest.approx({"train": 0.70, "validation": 0.15, "test": 0.15}, abs=0.03)


def test_scanners_follow_the_side_unless_the_request_names_one() -> None:
    seen: dict[str, set[str]] = {"train": set(), "validation": set(), "test": set()}
    for seed in range(400):
        scanner = with_scanner(PhantomRequest(seed, "np")).scanner
        assert scanner is not None
        assert scanner == with_scanner(PhantomRequest(seed, "covid")).scanner, "never by class"
        seen[split_of(seed)].add(scanner)
    drawn = {name for name in seen["train"] if name.startswith(DRAWN)}
    assert seen["train"] - drawn == set(TRAINING_SCANNERS)
    assert len(drawn) > 80
    assert seen["validation"] == set(CALIBRATION_SCANNERS)
    assert seen["test"] == set(UNSEEN_SCANNERS)
    assert with_scanner(PhantomRequest(1, "np", scanner="ember-thick")).scanner == "ember-thick"


def test_a_label_folder_of_phantoms_reads_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def quick(request: PhantomRequest, device: object) -> Phantom:
        assert request.scanner is not None
        return phantom_on(scanner_named(request.scanner), seed=request.seed)

    monkeypatch.setattr(export, "make_phantom", quick)
    requests = [PhantomRequest(seed, "covid") for seed in range(6)]
    told: list[tuple[int, int]] = []

    def written(folder: Path) -> str:
        return write_labels_folder(requests, folder, lambda done, total: told.append((done, total)))

    label_set = written(tmp_path / "a")

    assert told == [(done, 6) for done in range(7)]
    folder = read_label_folder(tmp_path / "a")
    assert folder.label_set == label_set == written(tmp_path / "b"), "the same requests, the same label set"
    assert dict(folder.split) == {f"phantom-{seed}": split_of(seed) for seed in range(6)}
    for study in folder.patients:
        read = folder.read(study)
        scanner = scanner_named(read.provenance["scanner"])
        np.testing.assert_array_equal(
            read.volume.hu, phantom_on(scanner, read.provenance["phantom"]).volume.hu
        )
        assert read.lobes is not None
    with pytest.raises(FileExistsError):
        written(tmp_path / "a")
