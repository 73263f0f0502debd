"""NIfTI volumes: no identity of their own, geometry from the header."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from diagnosis.volume import CTVolume
from tests.phantoms import write_nifti
from tests.webapp.conftest import World
from tests.webapp.imaging.conftest import Sender, zipped
from webapp.imaging.models import Instance, Study
from webapp.patients.models import Patient


@pytest.fixture
def nifti(tmp_path: Path, volume: CTVolume) -> Path:
    return write_nifti(volume, tmp_path / "ct.nii.gz")


def test_a_volume_becomes_a_series_of_the_named_patient(send: Sender, nifti: Path, volume: CTVolume) -> None:
    upload = send([nifti], pseudonym="Case 1")
    assert upload["files"][0]["outcome"] == "pending"
    series = send.series(upload)

    assert send.report(upload)["ct.nii.gz"] == ("accepted", "")
    assert series["state"] == "ready"
    assert series["volume"]["shape"] == list(volume.shape)
    np.testing.assert_allclose(series["volume"]["affine"], volume.affine, atol=1e-3)
    study = Study.objects.get()
    assert study.patient.pseudonym == "Case 1"
    assert study.study_uid.startswith("2.25.")
    assert Instance.objects.get().kind == "nifti"


def test_without_a_pseudonym_it_is_refused_with_what_to_do(
    send: Sender, nifti: Path, slices: list[Path]
) -> None:
    upload = send([nifti, *slices])
    outcome = {file["name"]: file for file in upload["files"]}
    assert outcome["ct.nii.gz"]["outcome"] == "refused"
    assert "pseudonym" in outcome["ct.nii.gz"]["reason"]
    assert outcome[slices[0].name]["outcome"] == "accepted"


def test_the_same_volume_again_is_held_and_for_another_patient_a_conflict(send: Sender, nifti: Path) -> None:
    send.report(send([nifti], pseudonym="Case 1"))
    assert send.report(send([nifti], pseudonym="Case 1"))["ct.nii.gz"][0] == "held"
    assert send.report(send([nifti], pseudonym="Case 2"))["ct.nii.gz"][0] == "conflict"
    assert Study.objects.count() == 1


def test_two_volumes_of_one_pseudonym_are_one_patient(
    send: Sender, nifti: Path, volume: CTVolume, tmp_path: Path, world: World
) -> None:
    other = write_nifti(CTVolume(volume.hu + 1, volume.affine), tmp_path / "other.nii")
    report = send.report(
        send(
            {"both.zip": zipped({"a.nii.gz": nifti.read_bytes(), "b.nii": other.read_bytes()})}, pseudonym="C"
        )
    )
    assert report["both.zip: a.nii.gz"] == report["both.zip: b.nii"] == ("accepted", "")
    assert Patient.objects.get().pseudonym == "C"
    assert Study.objects.count() == 2


def test_a_volume_without_geometry_is_refused_in_words(send: Sender, tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.zeros((20, 20, 20), np.int16), None)
    image.header["sform_code"] = image.header["qform_code"] = 0
    nibabel.save(image, tmp_path / "lost.nii.gz")
    outcome, reason = send.report(send([tmp_path / "lost.nii.gz"], pseudonym="C"))["lost.nii.gz"]
    assert (outcome, "does not say where" in reason) == ("refused", True)


def test_a_truncated_volume_is_refused_in_words(send: Sender, nifti: Path) -> None:
    data = nifti.read_bytes()
    outcome, reason = send.report(send({"cut.nii.gz": data[: len(data) // 2]}, pseudonym="C"))["cut.nii.gz"]
    assert (outcome, "cut short" in reason) == ("refused", True)
