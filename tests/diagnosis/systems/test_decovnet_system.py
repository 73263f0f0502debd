"""DeCoVNet as a system, with weights set by hand: answers, places in mm, refusals, the document."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from diagnosis.document import analysis_json, json_schema
from diagnosis.geometry import RefusedInput
from diagnosis.pipeline import chosen_options, load_system
from diagnosis.results import Analysis, SystemResult
from diagnosis.systems.catalogue import catalogue
from diagnosis.systems.interface import Case
from diagnosis.volume import BoolArray, CTVolume, LabelArray, millimetres
from diagnosis.weight_files import FOLDER_VARIABLE
from tests.diagnosis.systems.crafted_decovnet import OPERATING_POINT, config, ship
from tests.phantoms import ChestPhantom, chest_phantom


@pytest.fixture(scope="module")
def phantom() -> ChestPhantom:
    return chest_phantom(noise_hu=0.0)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    return ship(tmp_path)


def run(volume: CTVolume, lungs: LabelArray, **options: str) -> SystemResult:
    return load_system("decovnet").run(
        Case(volume, lungs), chosen_options("decovnet", options), lambda part: None
    )


def centre_mm(mask: BoolArray, volume: CTVolume) -> tuple[float, float, float]:
    z, y, x = np.argwhere(mask).mean(axis=0)
    return millimetres(volume.affine, (z, y, x))


@pytest.mark.usefixtures("weights")
def test_disease_is_told_shown_and_placed(phantom: ChestPhantom) -> None:
    result = run(phantom.volume, phantom.lungs)
    assert (result.system, result.version) == ("decovnet", "test")
    assert result.probabilities["COVID-19"] > 0.99
    assert result.operating_points == {"COVID-19": OPERATING_POINT}
    assert [(heatmap.class_name, heatmap.kind) for heatmap in result.heatmaps] == list(
        catalogue()["decovnet"].heatmaps
    )
    cam = result.heatmaps[0]
    assert cam.values.max() / cam.reference == pytest.approx(1.0, abs=0.02)
    (region,) = result.regions
    assert region.side == "left"
    assert region.centre_mm == pytest.approx(centre_mm(phantom.consolidation, phantom.volume), abs=12)
    assert region.volume_ml == pytest.approx(phantom.consolidation_ml, rel=0.8)
    assert 0.5 < region.evidence <= 1.01
    ill = np.asarray(phantom.consolidation.any(axis=(1, 2)))[::-1]
    assert ill[int(np.argmax(result.slice_evidence))]
    assert len(result.slice_evidence) == len(phantom.lungs)
    assert set(result.seconds) == {
        "weights", "input", "features", "head", "activation map", "3DCC response", "regions",
    }  # fmt: skip
    assert (
        "DeCoVNet: these weights are for demonstration only, their AUC was not measured." in result.warnings
    )
    analysis = Analysis(phantom.volume, phantom.lungs, None, {"decovnet": result}, [], {}, 0.0)
    jsonschema.validate(analysis_json(analysis, {}), json_schema())


@pytest.mark.usefixtures("weights")
@pytest.mark.parametrize("cam", ["released", "gradient"])
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, 1), (1, -1, -1)])
def test_the_map_shines_where_the_lung_is_bright_in_mm(
    phantom: ChestPhantom, cam: str, signs: tuple[int, int, int]
) -> None:
    """Pixels and slices of three sizes, axes of either sign: the affine alone says where things are."""
    volume = CTVolume(phantom.volume.hu, phantom.volume.affine @ np.diag([*signs, 1.0]) @ _UNEQUAL)
    heatmap = run(volume, phantom.lungs, cam=cam).heatmaps[0]
    strongest = np.argwhere(heatmap.values > 0.9 * heatmap.values.max()).mean(axis=0)
    found = millimetres(heatmap.affine, tuple(strongest))
    assert found == pytest.approx(centre_mm(phantom.consolidation, volume), abs=12)


_UNEQUAL = np.diag([0.9, 1.2, 0.8, 1.0])


@pytest.mark.usefixtures("weights")
def test_without_disease_there_is_no_region_and_a_sentence() -> None:
    healthy = chest_phantom(noise_hu=0.0, lesions=False)
    for regions in ("threshold", "published"):
        result = run(healthy.volume, healthy.lungs, regions=regions)
        assert result.probabilities["COVID-19"] == pytest.approx(0.119, abs=0.01)
        assert result.regions == []
        assert "COVID-19: no region: predicted negative." in result.warnings
        assert not result.heatmaps[0].values.any()


@pytest.mark.usefixtures("weights")
def test_the_published_localisation_gives_one_region(phantom: ChestPhantom) -> None:
    (region,) = run(phantom.volume, phantom.lungs, regions="published").regions
    box = tuple(slice(a, a + n) for a, n in zip(region.origin, region.mask.shape, strict=True))
    assert phantom.consolidation[box][region.mask].mean() > 0.5


@pytest.mark.usefixtures("weights")
@pytest.mark.parametrize("slices", ["kept", "1mm"])
def test_other_slices_find_the_same(phantom: ChestPhantom, slices: str) -> None:
    (region,) = run(phantom.volume, phantom.lungs, slices=slices).regions
    assert region.side == "left"


@pytest.mark.usefixtures("weights")
def test_one_lung_is_enough_and_a_few_slices_too(phantom: ChestPhantom) -> None:
    right = np.where(phantom.lungs == 1, 1, 0).astype(np.uint8)
    assert run(phantom.volume, right).probabilities["COVID-19"] < 0.2
    middle = slice(len(right) // 2, len(right) // 2 + 2)
    few = CTVolume(phantom.volume.hu[middle], phantom.volume.affine)
    assert len(run(few, phantom.lungs[middle]).slice_evidence) == 2


def test_weights_that_were_measured_need_no_caution(
    phantom: ChestPhantom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    ship(tmp_path, evaluation={"auc": 0.95})
    assert run(phantom.volume, phantom.lungs).warnings == []
    ship(tmp_path, evaluation={"auc": 0.8})
    (sentence,) = run(phantom.volume, phantom.lungs).warnings
    assert sentence == (
        "DeCoVNet: these weights are for demonstration only, their AUC is only 0.80 on their test part."
    )


@pytest.mark.usefixtures("weights")
def test_no_lungs_are_refused(phantom: ChestPhantom) -> None:
    with pytest.raises(RefusedInput, match="No lungs found"):
        run(phantom.volume, np.zeros_like(phantom.lungs))


def test_missing_weights_are_refused(phantom: ChestPhantom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, "none")
    with pytest.raises(RefusedInput, match="no weights for the DeCoVNet") as caught:
        run(phantom.volume, phantom.lungs)
    assert caught.value.code == "no_weights"


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"system": "lungs"}, "they are weights of lungs, not of decovnet"),
        ({"config": {}}, "their header has no usable head"),
        ({"config": config(head="fc")}, "their header has no usable head"),
        ({"config": config(shrink=0)}, "their header has no usable shrink"),
        ({"config": config(input={"height": 64.5, "width": 96})}, "their header has no usable height"),
        ({"config": config(operating_point=1.5)}, "their header has no usable operating_point"),
        ({"config": config(heatmaps={})}, "their header has no usable cam"),
        (
            {"config": config(heatmaps={"cam": {"reference": 0, "threshold": 0.5}})},
            "their header has no usable reference of cam",
        ),
        ({"config": config(head="paper")}, "their tensors are not those of the decovnet network"),
    ],
)
def test_weights_whose_header_does_not_say_enough_are_refused(
    header: Mapping[str, Any], reason: str, phantom: ChestPhantom, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    ship(tmp_path, **header)
    with pytest.raises(RefusedInput) as caught:
        run(phantom.volume, phantom.lungs)
    assert caught.value.code == "bad_weights"
    assert caught.value.sentence == f"The weights decovnet.safetensors can not be used: {reason}."


def test_an_answer_that_is_no_number_is_refused(
    phantom: ChestPhantom, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from diagnosis.systems.decovnet.network import DeCoVNet

    classify = DeCoVNet.classify
    monkeypatch.setattr(DeCoVNet, "classify", lambda self, features: classify(self, features) * np.nan)
    with pytest.raises(RefusedInput, match="gave no probability") as caught:
        run(phantom.volume, phantom.lungs)
    assert caught.value.code == "no_answer"
