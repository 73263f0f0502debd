"""``python -m diagnosis`` from files to files: sides, slices, ml and mm read back from what it wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from diagnosis.__main__ import main
from diagnosis.document import json_schema
from diagnosis.weight_files import FOLDER_VARIABLE, NO_WEIGHTS
from tests.diagnosis.systems import crafted_decovnet
from tests.phantoms import ChestPhantom, abdomen_phantom, chest_phantom, write_dicom_series, write_nifti

PHANTOM = chest_phantom()
BY_RULES = [
    *("--option", "lungs.method=closed"), *("--option", "lobes.method=none"),
    *("--option", "lesions.method=none"),
]  # fmt: skip
"""Without networks, whether or not weights are there."""
FILES = {"analysis.json", "lungs.nii.gz", "heatmap-density-infected-density.nii.gz", "contact-sheet.png"}


@pytest.fixture(scope="module")
def phantom() -> ChestPhantom:
    return PHANTOM


@pytest.fixture(autouse=True)
def _without_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only density can run, whatever is shipped."""
    monkeypatch.setenv(FOLDER_VARIABLE, NO_WEIGHTS)


@pytest.fixture(scope="module", params=["axial head-first", "feet-first", "sagittal", "NIfTI"])
def out(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of the same chest, stored in other ways."""
    folder = tmp_path_factory.mktemp("series")
    source = folder / "in"
    if request.param == "NIfTI":
        source = write_nifti(PHANTOM.volume, folder / "chest.nii.gz")
    else:
        write_dicom_series(PHANTOM.volume, source, orientation=request.param)
    arguments = ["analyse", str(source), *BY_RULES, "--system", "density", "--out", str(folder / "out")]
    assert main(arguments) == 0
    return folder / "out"


def document(out: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((out / "analysis.json").read_text())
    return loaded


def lps(path: Path) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """The array of a NIfTI file as [x, y, z] with its affine turned from RAS to LPS."""
    image: Any = nibabel.load(path)
    assert (np.diag(image.affine)[:3] > 0).all()
    return np.asarray(image.dataobj), np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine


def voxel_ml(affine: NDArray[np.float64]) -> float:
    return abs(float(np.linalg.det(affine[:3, :3]))) / 1000


def test_it_writes_the_contract_s_files_and_a_valid_document(out: Path) -> None:
    assert {path.name for path in out.iterdir()} == FILES
    jsonschema.validate(document(out), json_schema())
    assert document(out)["systems"]["density"]["heatmaps"][0]["file"] in FILES


def test_lung_volumes_are_those_of_the_lung_file_to_the_voxel(out: Path, phantom: ChestPhantom) -> None:
    labels, affine = lps(out / "lungs.nii.gz")
    lungs = document(out)["lungs"]
    assert lungs["right_ml"] == pytest.approx((labels == 1).sum() * voxel_ml(affine))
    assert lungs["left_ml"] == pytest.approx((labels == 2).sum() * voxel_ml(affine))
    assert lungs["right_ml"] == pytest.approx(phantom.right_ml, rel=0.02)
    assert lungs["left_ml"] == pytest.approx(phantom.left_ml, rel=0.02)


def test_right_is_right_in_the_lung_file(out: Path) -> None:
    labels, affine = lps(out / "lungs.nii.gz")
    for side, sign in ((1, -1), (2, 1)):
        centre = affine @ [*np.argwhere(labels == side).mean(axis=0), 1.0]
        assert sign * (centre[0] - 4.0) > 50


def test_regions_lie_where_the_lesions_are_in_mm(out: Path, phantom: ChestPhantom) -> None:
    regions = document(out)["systems"]["density"]["regions"]
    assert [region["side"] for region in regions] == ["right", "left"]
    for region, truth in zip(regions, (phantom.ground_glass, phantom.consolidation), strict=True):
        z, y, x = np.argwhere(truth).mean(axis=0)
        centre = phantom.volume.affine @ [x, y, z, 1.0]
        np.testing.assert_allclose(region["centre_mm"], centre[:3], atol=6.0)
        low, high = np.array(region["box_mm"][:3]), np.array(region["box_mm"][3:])
        assert (low < centre[:3]).all()
        assert (centre[:3] < high).all()


def test_region_volumes_and_boxes_are_those_of_the_heatmap_file(out: Path) -> None:
    density = document(out)["systems"]["density"]
    values, affine = lps(out / density["heatmaps"][0]["file"])
    limit = density["heatmaps"][0]["threshold"] * density["heatmaps"][0]["reference"]
    labels, _ = ndimage.label(values >= limit)
    sizes = np.bincount(labels.ravel())[1:] * voxel_ml(affine)
    wanted = sorted((region["volume_ml"] for region in density["regions"]), reverse=True)
    np.testing.assert_allclose(sorted(sizes, reverse=True)[: len(wanted)], wanted, rtol=1e-6)
    for region in density["regions"]:
        inside = np.linalg.inv(affine) @ [*region["centre_mm"], 1.0]
        number = labels[tuple(np.rint(inside[:3]).astype(int))]
        corners = np.argwhere(labels == number)
        faces = [
            affine @ [*(end + half), 1.0] for end, half in ((corners.min(0), -0.5), (corners.max(0), 0.5))
        ]
        low, high = np.minimum(*faces)[:3], np.maximum(*faces)[:3]
        np.testing.assert_allclose(region["box_mm"], [*low, *high], atol=1e-3)


def test_infected_percent_is_right_on_both_sides(out: Path, phantom: ChestPhantom) -> None:
    found = document(out)["quantification"]
    assert found["source"] == "density"
    assert found["infected_percent"] == pytest.approx(phantom.infected_percent, abs=0.3)
    assert found["right"]["infected_ml"] == pytest.approx(phantom.ground_glass_ml, rel=0.2)
    assert found["left"]["infected_ml"] == pytest.approx(phantom.consolidation_ml, rel=0.3)
    assert found["right"]["infected_ml"] + found["left"]["infected_ml"] == pytest.approx(found["infected_ml"])


def test_slice_evidence_runs_from_cranial_to_caudal(out: Path, phantom: ChestPhantom) -> None:
    """The small lesion lies high, the large one low: the peak stands in the second half."""
    evidence = np.array(document(out)["quantification"]["slice_evidence"])
    truth = (phantom.ground_glass | phantom.consolidation).sum(axis=(1, 2))[::-1]
    assert len(evidence) == len(truth)
    assert np.corrcoef(evidence, truth)[0, 1] > 0.9
    assert abs(int(evidence.argmax()) - int(np.flatnonzero(truth == truth.max()).mean())) <= 4
    assert evidence[:28].sum() < evidence[28:].sum()


def test_the_contact_sheet_is_a_picture_of_some_size(out: Path) -> None:
    with Image.open(out / "contact-sheet.png") as sheet:
        assert sheet.width > 1000
        assert len(np.unique(np.asarray(sheet.convert("L")))) > 100


def test_all_runs_every_system_with_weights_and_none_only_lungs_and_quantification(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "weights").mkdir()
    crafted_decovnet.ship(tmp_path / "weights")
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "weights"))
    source = str(write_nifti(PHANTOM.volume, tmp_path / "chest.nii.gz"))
    assert main(["analyse", source, *BY_RULES, "--system", "none", "--out", str(tmp_path / "none")]) == 0
    quick = ["--option", "multiscale.saliency=none"]
    assert main(["analyse", source, *BY_RULES, *quick, "--out", str(tmp_path / "all")]) == 0
    none, everything = document(tmp_path / "none"), document(tmp_path / "all")
    assert none["systems"] == {}
    assert list(everything["systems"]) == ["density", "decovnet", "multiscale", "patchwise"]
    assert "icovid needs lesions: choose another lesions.method than none." in everything["warnings"]
    assert everything["systems"]["decovnet"]["probabilities"]["COVID-19"] > 0.9
    written = {path.name for path in (tmp_path / "all").glob("heatmap-*")}
    assert {name for name in written if "multiscale" not in name and "patchwise" not in name} == {
        "heatmap-density-infected-density.nii.gz", "heatmap-decovnet-COVID-19-cam.nii.gz",
        "heatmap-decovnet-COVID-19-3dcc.nii.gz",
    }  # fmt: skip
    assert none["quantification"] == everything["quantification"]
    assert not list((tmp_path / "none").glob("heatmap-*"))


def test_options_are_passed_on(tmp_path: Path) -> None:
    source = str(write_nifti(PHANTOM.volume, tmp_path / "chest.nii.gz"))
    for option in ("rule=published", "density.rule=published"):
        arguments = ["analyse", source, *BY_RULES, "--system", "density", "--option", option]
        assert main([*arguments, "--out", str(tmp_path / option)]) == 0
    assert main(["analyse", source, *BY_RULES, "--system", "density", "--out", str(tmp_path / "closed")]) == 0
    published, also, closed = (
        document(tmp_path / name)["quantification"]
        for name in ("rule=published", "density.rule=published", "closed")
    )
    assert published == also != closed


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--system", "tarot"], "There is no system tarot"),
        (["--system", "all", "density"], "take no other name"),
        (["--option", "rule"], "takes key=value"),
        (["--option", "colour=red"], "has an option colour"),
        (["--option", "rule=open"], "rule=closed or published"),
        (["--system", "none", "--option", "rule=closed"], "has an option rule"),
    ],
)
def test_bad_usage_is_one_sentence_and_exit_2(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = str(write_nifti(PHANTOM.volume, tmp_path / "chest.nii.gz"))
    assert main(["analyse", source, *BY_RULES, *arguments, "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_missing_source_and_an_impossible_folder_are_bad_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["analyse", str(tmp_path / "nothing"), "--out", str(tmp_path / "out")]) == 2
    assert "does not exist" in capsys.readouterr().err
    source = write_nifti(PHANTOM.volume, tmp_path / "chest.nii.gz")
    assert main(["analyse", str(source), "--out", str(source / "out")]) == 2
    assert "can not be made" in capsys.readouterr().err


def test_input_without_lungs_is_refused_with_one_sentence_and_exit_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_nifti(abdomen_phantom(), tmp_path / "abdomen.nii.gz")
    assert main(["analyse", str(source), "--out", str(tmp_path / "out")]) == 3
    said = capsys.readouterr().err
    assert said.startswith("No lungs found")
    assert said.count("\n") == 1
    assert not list((tmp_path / "out").iterdir())


def test_unusable_geometry_and_other_files_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_dicom_series(PHANTOM.volume, tmp_path / "holes", drop=range(20, 40))
    assert main(["analyse", str(tmp_path / "holes"), "--out", str(tmp_path / "out")]) == 3
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "letter.txt").write_text("Dear colleague")
    assert main(["analyse", str(tmp_path / "empty"), "--out", str(tmp_path / "out")]) == 3
    assert capsys.readouterr().err.count("\n") == 2


def test_ignored_files_are_named_in_the_warnings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_dicom_series(PHANTOM.volume, tmp_path / "in")
    (tmp_path / "in" / "letter.txt").write_text("Dear colleague")
    assert main(["analyse", str(tmp_path / "in"), "--system", "none", "--out", str(tmp_path / "out")]) == 0
    assert any("letter.txt" in sentence for sentence in document(tmp_path / "out")["warnings"])
    assert "letter.txt" in capsys.readouterr().err


def test_describing_a_system_without_a_network_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["describe", "--system", "density", "--json"]) == 2
    assert "has no network" in capsys.readouterr().err


def test_no_command_at_all_is_bad_usage() -> None:
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
