"""The label folder: what goes in comes out, nothing changes unseen, no patient on two sides."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest

from diagnosis.geometry import RefusedInput
from diagnosis.labels import StudyLabel, ignore_mask, read_label_folder, write_label_folder
from tests.phantoms import ChestPhantom, chest_phantom

PHANTOM = chest_phantom(slices=20, size=32)
HASH = "ab" * 32


def label(phantom: ChestPhantom = PHANTOM) -> StudyLabel:
    outline = (phantom.ground_glass * 1 + phantom.consolidation * 3).astype(np.uint8)
    first, second, third = (np.zeros(outline.shape, bool) for _ in range(3))
    first[2:6, 2:6, 2:6] = second[4:8, 4:8, 4:8] = third[12:14, 12:14, 12:14] = True
    return StudyLabel(
        study="study-1",
        patient="patient-1",
        split="train",
        class_name="COVID-19",
        kinds=("outline", "pointer", "false evidence", "unsure"),
        volume=phantom.volume,
        manifest_hash=HASH,
        provenance={"reader": "r1", "signed": "2026-01-31T10:15:00Z"},
        outline=outline,
        look=(first, second, third),
        not_look=phantom.lungs == 2,
        ignore=ignore_mask(outline.shape, outline, [first], [third], nothing_else=True),
    )


def test_a_study_reads_back_as_it_was_written(tmp_path: Path) -> None:
    written = label()

    label_set = write_label_folder(tmp_path / "labels", [written])
    folder = read_label_folder(tmp_path / "labels")
    read = folder.read("study-1")

    assert folder.label_set == label_set
    assert folder.studies("train") == ["study-1"]
    assert folder.studies("test") == []
    np.testing.assert_array_equal(read.volume.hu, written.volume.hu)
    np.testing.assert_allclose(read.volume.affine, written.volume.affine)
    for name in ("outline", "not_look", "ignore"):
        np.testing.assert_array_equal(getattr(read, name), getattr(written, name))
    assert len(read.look) == 3
    for mask, truth in zip(read.look, written.look, strict=True):
        np.testing.assert_array_equal(mask, truth)
    for name in ("study", "patient", "split", "class_name", "kinds", "manifest_hash", "provenance"):
        assert getattr(read, name) == getattr(written, name)


def test_the_files_are_those_of_the_contract(tmp_path: Path) -> None:
    label_set = write_label_folder(tmp_path, [label()])

    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["schema"] == 1
    assert manifest["label_set"] == label_set
    assert manifest["split"] == {"patient-1": "train"}
    content = json.loads((tmp_path / "study-1" / "label.json").read_text())
    assert content["class"] == "COVID-19"
    assert content["kinds"] == ["outline", "pointer", "false evidence", "unsure"]
    assert content["manifest_hash"] == HASH
    assert {path.name for path in (tmp_path / "study-1").iterdir()} == {
        "ct.nii.gz", "label.json", "outline.nii.gz", "look.nii.gz", "look-2.nii.gz",
        "not_look.nii.gz", "ignore.nii.gz",
    }  # fmt: skip
    look = np.asarray(nibabel.load(tmp_path / "study-1" / "look.nii.gz").dataobj)
    assert set(np.unique(look)) == {0, 1, 3}  # region 2 overlaps region 1 and stands in look-2


def test_what_is_not_taught_is_absent(tmp_path: Path) -> None:
    bare = replace(label(), class_name=None, kinds=(), outline=None, look=(), not_look=None, ignore=None)

    write_label_folder(tmp_path, [bare])

    assert {path.name for path in (tmp_path / "study-1").iterdir()} == {"ct.nii.gz", "label.json"}
    assert "class" not in json.loads((tmp_path / "study-1" / "label.json").read_text())
    read = read_label_folder(tmp_path).read("study-1")
    assert (read.class_name, read.outline, read.look, read.not_look, read.ignore) == (
        None,
        None,
        (),
        None,
        None,
    )


def test_the_anatomy_of_a_phantom_reads_back_and_a_reading_has_none(tmp_path: Path) -> None:
    lobes = (PHANTOM.lungs * 2).astype(np.uint8)
    vessels = np.zeros(lobes.shape, np.uint8)
    vessels[5:9, 5:9, 5:9] = 1
    phantom = replace(
        label(), kinds=("outline", "background"), lungs=PHANTOM.lungs, lobes=lobes, vessels=vessels
    )

    write_label_folder(tmp_path, [phantom, replace(label(), study="study-2")])
    folder = read_label_folder(tmp_path)

    read = folder.read("study-1")
    for name, truth in (("lungs", PHANTOM.lungs), ("lobes", lobes), ("vessels", vessels)):
        assert (tmp_path / "study-1" / f"{name}.nii.gz").is_file()
        assert getattr(read, name).dtype == np.uint8
        np.testing.assert_array_equal(getattr(read, name), truth)
    reading = folder.read("study-2")
    assert (reading.lungs, reading.lobes, reading.vessels) == (None, None, None)
    names = {path.name for path in (tmp_path / "study-2").iterdir()}
    assert names.isdisjoint({"lungs.nii.gz", "lobes.nii.gz", "vessels.nii.gz"})


def test_the_hash_depends_on_content_alone(tmp_path: Path) -> None:
    other = replace(label(), provenance={"reader": "r2"})
    changed = replace(label(), outline=np.zeros(PHANTOM.volume.shape, np.uint8))

    first = write_label_folder(tmp_path / "a", [label()])

    assert write_label_folder(tmp_path / "b", [label()]) == first
    assert write_label_folder(tmp_path / "c", [other]) != first
    assert write_label_folder(tmp_path / "d", [changed]) != first
    assert write_label_folder(tmp_path / "e", [replace(label(), split="test")]) != first


def test_a_patient_stands_on_one_side_of_the_split(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="two sides"):
        write_label_folder(tmp_path, [label(), replace(label(), study="study-2", split="test")])


def test_a_study_comes_once_and_a_folder_is_written_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="twice"):
        write_label_folder(tmp_path / "a", [label(), label()])
    write_label_folder(tmp_path / "b", [label()])
    with pytest.raises(FileExistsError):
        write_label_folder(tmp_path / "b", [label()])


def test_an_unfinished_folder_is_refused(tmp_path: Path) -> None:
    def broken() -> object:
        yield label()
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_label_folder(tmp_path, broken())  # type: ignore[arg-type]
    with pytest.raises(RefusedInput, match="missing or damaged"):
        read_label_folder(tmp_path)


def test_changed_files_are_refused(tmp_path: Path) -> None:
    write_label_folder(tmp_path, [label()])
    mask = tmp_path / "study-1" / "ignore.nii.gz"
    mask.write_bytes((tmp_path / "study-1" / "not_look.nii.gz").read_bytes())
    with pytest.raises(RefusedInput, match=r"ignore\.nii\.gz is missing or was changed"):
        read_label_folder(tmp_path).read("study-1")

    manifest = json.loads((tmp_path / "manifest.json").read_text())
    manifest["split"]["patient-1"] = "test"
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(RefusedInput, match=r"manifest\.json was changed"):
        read_label_folder(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"study": "../up"},
        {"patient": "Doe^Jane"},
        {"split": "holdout"},
        {"class_name": "covid"},
        {"kinds": ("guess",)},
        {"outline": np.zeros((2, 2, 2), np.uint8)},
        {"lobes": np.zeros((2, 2, 2), np.uint8)},
        {"ignore": np.zeros((2, 2, 2), bool)},
    ],
)
def test_wrong_words_and_grids_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        replace(label(), **change)  # type: ignore[arg-type]


def test_unjudged_voxels_are_ignored_unless_nothing_else_is_infected() -> None:
    outline = np.array([[[1, 0, 0, 0]]], np.uint8)
    pointed = np.array([[[True, True, False, False]]])
    unsure = np.array([[[False, False, True, False]]])

    rest = ignore_mask((1, 1, 4), outline, [pointed], [unsure], nothing_else=False)
    complete = ignore_mask((1, 1, 4), outline, [pointed], [unsure], nothing_else=True)

    assert rest.tolist() == [[[False, True, True, True]]]
    assert complete.tolist() == [[[False, True, True, False]]]
