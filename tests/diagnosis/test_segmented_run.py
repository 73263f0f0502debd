"""A run with lobes and lesions: what it measures, writes and shows. The segmentations are the truth of a
phantom, so every number is known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jsonschema
import nibabel
import numpy as np
import pytest
from PIL import Image

from diagnosis import segmenting
from diagnosis.__main__ import main
from diagnosis.document import json_schema
from diagnosis.lesions.segmentation import METHODS as LESION_METHODS
from diagnosis.lesions.segmentation import Lesions
from diagnosis.lungs.lobes import METHODS as LOBE_METHODS
from diagnosis.lungs.lobes import Lobes
from diagnosis.lungs.segmentation import METHODS as LUNG_METHODS
from diagnosis.lungs.segmentation import Lungs
from diagnosis.pipeline import analyse, analysis_json, stages
from diagnosis.quantification.interval import Calibration
from diagnosis.results import Analysis
from diagnosis.segmentation_options import NONE, SEGMENTATIONS
from diagnosis.volume import CTVolume, LabelArray
from tests.phantoms import chest_phantom, write_nifti

PHANTOM = chest_phantom()
LESIONS: LabelArray = (PHANTOM.ground_glass + 3 * PHANTOM.consolidation.astype(np.uint8)).astype(np.uint8)
STAGES = ("Finding the lungs", "Finding the lobes", "Finding lesions", "Density", "Measuring")
CALIBRATION = Calibration("7", 0.9, 1.5, 0.5, 0.9, 100)
ML = PHANTOM.volume.voxel_ml


def lobes_of(lungs: LabelArray) -> LabelArray:
    """Flat fissures: the right lung in thirds, the left one in halves."""
    lobes = np.zeros_like(lungs)
    for side, first, last, value in (
        (1, 0, 22, 3),
        (1, 22, 36, 2),
        (1, 36, 56, 1),
        (2, 0, 30, 5),
        (2, 30, 56, 4),
    ):
        lobes[first:last][lungs[first:last] == side] = value
    return lobes


LOBES = lobes_of(PHANTOM.lungs)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which weights of everything seem to lie."""
    folder = tmp_path_factory.mktemp("weights")
    for owner in SEGMENTATIONS:
        (folder / f"{owner}.safetensors").touch()
    return folder


@pytest.fixture(scope="module", autouse=True)
def truth(weights: Path) -> Iterator[None]:
    """Put the phantom's truth in place of the networks."""

    def lungs(volume: CTVolume, method: str, progress: Any) -> Lungs:
        return Lungs(PHANTOM.lungs, "network", "5", ("A word on lungs.",))

    def lobes(volume: CTVolume, lungs: LabelArray, method: str) -> Lobes:
        return Lobes(LOBES, "network", "6")

    def lesions(volume: CTVolume, lungs: LabelArray, method: str, progress: Any) -> Lesions:
        percent = PHANTOM.infected_percent
        return Lesions(
            labels=LESIONS, method="network", version="7", warnings=("A word on lesions.",), threshold=0.4,
            infection=np.where(LESIONS > 0, np.uint8(204), np.uint8(0)),
            percent_at={0.25: percent + 1, 0.6: percent - 1},
        )  # fmt: skip

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LUNGSIGHT_WEIGHTS", str(weights))
        patch.setattr(segmenting, "segment_lungs", lungs)
        patch.setattr(segmenting, "segment_lobes", lobes)
        patch.setattr(segmenting, "segment_lesions", lesions)
        yield


def quiet(stage: str, part: float) -> None:
    """Progress nobody looks at."""


@pytest.fixture(scope="module")
def analysis(truth: None) -> Analysis:
    return analyse(PHANTOM.volume, ["density"], {}, quiet)


@pytest.fixture(scope="module")
def document(analysis: Analysis) -> dict[str, Any]:
    made = analysis_json(analysis, {})
    jsonschema.validate(made, json_schema())
    return made


def test_the_choices_are_those_of_the_segmentations() -> None:
    for owner, methods in (("lungs", LUNG_METHODS), ("lobes", LOBE_METHODS), ("lesions", LESION_METHODS)):
        (option,) = SEGMENTATIONS[owner]
        assert set(option.choices) - {NONE} == set(methods)
        assert option.default in option.choices


def test_lobes_and_lesions_have_their_stages(analysis: Analysis) -> None:
    assert tuple(analysis.seconds) == STAGES == stages(["density"])
    without = {"lobes": {"method": "none"}, "lesions": {"method": "none"}}
    assert stages([], without) == ("Finding the lungs", "Measuring")


def test_the_quantification_is_that_of_the_lesions(analysis: Analysis) -> None:
    measured = analysis.quantification
    assert measured is not None
    assert measured.source == "lesions"
    assert measured.infected_percent == pytest.approx(PHANTOM.infected_percent)
    assert measured.right.infected_ml == pytest.approx(PHANTOM.ground_glass_ml)
    assert measured.lobes["RML"].volume_ml == pytest.approx(int((LOBES == 2).sum()) * ML)
    assert measured.types_ml["consolidation"] == pytest.approx(PHANTOM.consolidation_ml)
    assert analysis.systems["density"].quantification is not None
    assert analysis.systems["density"].quantification.source == "density"


def test_regions_of_lesions_and_systems_know_their_lobes(analysis: Analysis) -> None:
    assert [(region.id, region.side, region.lobe, region.class_name) for region in analysis.regions] == [
        ("R1", "right", "RLL", "ground glass"),
        ("R2", "left", "LUL", "consolidation"),
    ]
    assert [region.volume_ml for region in analysis.regions] == pytest.approx(
        [PHANTOM.ground_glass_ml, PHANTOM.consolidation_ml]
    )
    assert [region.evidence for region in analysis.regions] == pytest.approx([0.8, 0.8])
    assert [region.lobe for region in analysis.systems["density"].regions] == ["RLL", "LUL"]


def test_warnings_of_every_segmentation_are_kept(analysis: Analysis) -> None:
    assert analysis.warnings == ["A word on lungs.", "A word on lesions."]


def test_the_document_names_lobes_types_severity_and_methods(document: dict[str, Any]) -> None:
    assert document["segmentation"] == {"lungs": "network 5", "lobes": "network 6", "lesions": "network 7"}
    lobes_ml = document["lungs"]["lobes_ml"]
    assert sum(lobes_ml.values()) == pytest.approx(document["lungs"]["volume_ml"])
    assert lobes_ml["LLL"] == pytest.approx(int((LOBES == 5).sum()) * ML)
    measured = document["quantification"]
    assert set(measured["zones"]) == {"upper", "middle", "lower", "subpleural", "central"}
    assert measured["lobes"]["RLL"]["infected_ml"] == pytest.approx(PHANTOM.ground_glass_ml)
    scores = measured["severity"]["lobes"]
    assert (scores["RML"], scores["LLL"]) == (0, 0)
    assert measured["severity"]["total"] == sum(scores.values())
    assert [(region["id"], region["lobe"], region["class"]) for region in document["regions"]] == [
        ("R1", "RLL", "ground glass"),
        ("R2", "LUL", "consolidation"),
    ]


def test_without_a_calibration_the_range_is_a_spread(document: dict[str, Any]) -> None:
    percent = PHANTOM.infected_percent
    assert document["quantification"]["spread"] == pytest.approx([percent - 1, percent + 1])
    assert "interval_percent" not in document["quantification"]


@pytest.mark.parametrize(("version", "key"), [("7", "interval_percent"), ("6", "spread")])
def test_a_calibration_beside_the_weights_makes_it_an_interval(version: str, key: str, weights: Path) -> None:
    record = weights / "lesions-interval.json"
    record.write_text(json.dumps({**asdict(CALIBRATION), "version": version}))
    try:
        made = analysis_json(analyse(PHANTOM.volume, [], {}, quiet), {})
    finally:
        record.unlink()
    percent = PHANTOM.infected_percent
    reach = 1.5 if key == "interval_percent" else 1.0
    assert made["quantification"][key] == pytest.approx([percent - reach, percent + reach])
    assert len({"interval_percent", "spread"} & set(made["quantification"])) == 1


def test_a_calibration_is_not_that_of_another_network(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = np.zeros_like(LESIONS)
    other = Lesions(LESIONS, "unet3d", "7", threshold=0.4, infection=empty, percent_at={0.25: 3.0, 0.6: 1.0})
    monkeypatch.setattr(segmenting, "segment_lesions", lambda *given: other)
    record = weights / "lesions-interval.json"
    record.write_text(json.dumps(asdict(CALIBRATION)))
    try:
        found = analyse(PHANTOM.volume, [], {}, quiet)
    finally:
        record.unlink()
    assert found.quantification is not None
    assert found.quantification.interval_percent is None
    assert found.quantification.spread is not None


def test_without_lesions_the_density_is_measured_as_ever() -> None:
    found = analyse(PHANTOM.volume, [], {"lesions": {"method": "none"}}, quiet)
    made = analysis_json(found, {})
    jsonschema.validate(made, json_schema())
    assert made["quantification"]["source"] == "density"
    assert "regions" not in made
    assert set(made["segmentation"]) == {"lungs", "lobes"}


def test_no_lesion_at_all_is_an_empty_list_and_a_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = np.zeros_like(LESIONS)
    nothing = Lesions(empty, "network", "7", threshold=0.4, infection=empty, percent_at={})
    monkeypatch.setattr(segmenting, "segment_lesions", lambda *given: nothing)
    made = analysis_json(analyse(PHANTOM.volume, [], {}, quiet), {})
    jsonschema.validate(made, json_schema())
    assert made["regions"] == []
    assert made["quantification"]["infected_percent"] == 0.0
    assert made["quantification"]["severity"]["total"] == 0
    assert not {"spread", "interval_percent"} & set(made["quantification"])


def test_the_command_writes_every_label_volume(tmp_path: Path) -> None:
    source = write_nifti(PHANTOM.volume, tmp_path / "chest.nii.gz")
    assert main(["analyse", str(source), "--system", "none", "--out", str(tmp_path / "out")]) == 0
    files = {"analysis.json", "contact-sheet.png", "lungs.nii.gz", "lobes.nii.gz", "lesions.nii.gz"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == files
    for name, labels in (("lungs", PHANTOM.lungs), ("lobes", LOBES), ("lesions", LESIONS)):
        image: Any = nibabel.load(tmp_path / "out" / f"{name}.nii.gz")
        written = np.asarray(image.dataobj).transpose(2, 1, 0)[:, ::-1, ::-1]
        np.testing.assert_array_equal(written, labels)
    with Image.open(tmp_path / "out" / "contact-sheet.png") as sheet:
        colours = np.asarray(sheet.convert("RGB")).reshape(-1, 3).astype(int)
    blue = (colours[:, 2] - colours[:, 0] > 60) & (colours[:, 2] > 100)
    red = (colours[:, 0] - colours[:, 2] > 60) & (colours[:, 0] > 100)
    assert blue.sum() > 1000
    assert red.sum() > 1000


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("lungs.method=tarot", "lungs takes method=automatic or network"),
        ("lobes.colour=red", "lobes has no option colour"),
        ("method=closed", "has an option method"),
    ],
)
def test_wrong_choices_are_one_sentence(
    option: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_nifti(PHANTOM.volume, tmp_path / "chest.nii.gz")
    arguments = ["analyse", str(source), "--system", "none", "--option", option, "--out", str(tmp_path / "o")]
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
