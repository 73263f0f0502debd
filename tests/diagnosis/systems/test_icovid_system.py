"""icovid as a system, with weights set by hand: answers, places in mm, refusals, the document."""

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
from diagnosis.systems.icovid.network import ICovid
from diagnosis.systems.interface import Case
from diagnosis.volume import BoolArray, CTVolume, LabelArray, millimetres
from diagnosis.weight_files import FOLDER_VARIABLE
from tests.diagnosis.systems.crafted_icovid import OPERATING_POINT, config, ship
from tests.phantoms import ChestPhantom, chest_phantom


@pytest.fixture(scope="module")
def phantom() -> ChestPhantom:
    return chest_phantom(noise_hu=0.0)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    return ship(tmp_path)


def lesions_of(phantom: ChestPhantom) -> LabelArray:
    return np.where(phantom.consolidation, 3, 0).astype(np.uint8)


def run(
    volume: CTVolume, lungs: LabelArray, lesions: LabelArray | None, slices: str = "worst"
) -> SystemResult:
    return load_system("icovid").run(
        Case(volume, lungs, lesions=lesions), chosen_options("icovid", {"slices": slices}), lambda part: None
    )


def centre_mm(mask: BoolArray, volume: CTVolume) -> tuple[float, float, float]:
    z, y, x = np.argwhere(mask).mean(axis=0)
    return millimetres(volume.affine, (z, y, x))


@pytest.mark.usefixtures("weights")
def test_disease_is_told_shown_and_placed(phantom: ChestPhantom) -> None:
    result = run(phantom.volume, phantom.lungs, lesions_of(phantom), "all")
    assert (result.system, result.version) == ("icovid", "test")
    assert result.probabilities["COVID-19"] > 0.99
    assert result.operating_points == {"COVID-19": OPERATING_POINT}
    assert [(heatmap.class_name, heatmap.kind) for heatmap in result.heatmaps] == list(
        catalogue()["icovid"].heatmaps
    )
    assert {region.side for region in result.regions} == {"left"}
    ill = np.asarray(phantom.consolidation.any(axis=(1, 2)))
    for region in result.regions:
        z = np.arange(region.mask.shape[0]) + region.origin[0]
        assert ill[z].mean() > 0.5
    assert len(result.slice_evidence) == len(phantom.lungs)
    assert sum(result.slice_evidence) == pytest.approx(1.0)
    assert ill[::-1][int(np.argmax(result.slice_evidence))]
    assert set(result.seconds) == {"weights", "input", "network", "relevance", "regions"}
    assert "icovid: these weights are for demonstration only, their AUC was not measured." in result.warnings
    analysis = Analysis(phantom.volume, phantom.lungs, None, {"icovid": result}, [], {}, 0.0)
    jsonschema.validate(analysis_json(analysis, {}), json_schema())


@pytest.mark.usefixtures("weights")
@pytest.mark.parametrize("signs", [(1, 1, 1), (1, -1, -1)])
def test_both_maps_shine_where_the_marked_lung_is_bright_in_mm(
    phantom: ChestPhantom, signs: tuple[int, int, int]
) -> None:
    """Pixels and slices of three sizes, axes of either sign: the affine alone says where things are.

    The lesion is even, and of equal pixels a pool takes the first: somewhere in it, not in its middle.
    """
    volume = CTVolume(
        phantom.volume.hu, phantom.volume.affine @ np.diag([*signs, 1.0]) @ np.diag([0.9, 1.2, 0.8, 1.0])
    )
    for heatmap in run(volume, phantom.lungs, lesions_of(phantom)).heatmaps:
        assert heatmap.values.min() >= 0
        centre = (heatmap.values * np.indices(heatmap.values.shape)).sum(
            axis=(1, 2, 3)
        ) / heatmap.values.sum()
        found = millimetres(heatmap.affine, tuple(centre))
        assert found == pytest.approx(centre_mm(phantom.consolidation, volume), abs=18)


@pytest.mark.usefixtures("weights")
def test_the_worst_slices_are_those_that_all_of_them_show_strongest(phantom: ChestPhantom) -> None:
    worst, every = (
        run(phantom.volume, phantom.lungs, lesions_of(phantom), slices).heatmaps[0].values
        for slices in ("worst", "all")
    )
    shown = worst.any(axis=(1, 2))
    assert 0 < shown.sum() <= 10
    assert np.array_equal(worst[shown], every[shown])


@pytest.mark.usefixtures("weights")
def test_without_marked_lesions_there_is_no_region_and_a_sentence(phantom: ChestPhantom) -> None:
    result = run(phantom.volume, phantom.lungs, np.zeros_like(phantom.lungs))
    assert result.probabilities["COVID-19"] == pytest.approx(0.119, abs=0.01)
    assert result.regions == []
    assert "COVID-19: no region: predicted negative." in result.warnings
    assert not any(result.slice_evidence)


@pytest.mark.usefixtures("weights")
def test_one_lung_is_enough_and_one_slice_too(phantom: ChestPhantom) -> None:
    lesions = lesions_of(phantom)
    right = np.where(phantom.lungs == 1, 1, 0).astype(np.uint8)
    assert run(phantom.volume, right, lesions).probabilities["COVID-19"] < 0.2
    at = int(np.argmax(phantom.consolidation.sum(axis=(1, 2))))
    few = CTVolume(phantom.volume.hu[at : at + 1], phantom.volume.affine)
    result = run(few, phantom.lungs[at : at + 1], lesions[at : at + 1])
    assert result.probabilities["COVID-19"] > 0.9
    assert list(result.slice_evidence) == pytest.approx([1.0])


def test_a_network_without_side_information_needs_no_lesions_and_has_one_map(
    phantom: ChestPhantom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    ship(tmp_path, "none", evaluation={"auc": 0.95})
    result = run(phantom.volume, phantom.lungs, None)
    assert result.probabilities["COVID-19"] > 0.9
    assert [heatmap.kind for heatmap in result.heatmaps] == ["lung relevance"]
    assert result.warnings == []
    ship(tmp_path, "types")
    assert run(phantom.volume, phantom.lungs, lesions_of(phantom)).probabilities["COVID-19"] > 0.9


@pytest.mark.usefixtures("weights")
def test_what_can_not_be_read_is_refused_in_words(
    phantom: ChestPhantom, monkeypatch: pytest.MonkeyPatch
) -> None:
    for lungs, lesions, code in (
        (np.zeros_like(phantom.lungs), lesions_of(phantom), "no_lungs"),
        (phantom.lungs, None, "no_lesions"),
    ):
        with pytest.raises(RefusedInput) as caught:
            run(phantom.volume, lungs, lesions)
        assert caught.value.code == code
    classify = ICovid.classify
    monkeypatch.setattr(ICovid, "classify", lambda self, found: classify(self, found) * np.nan)
    with pytest.raises(RefusedInput, match="gave no probability"):
        run(phantom.volume, phantom.lungs, lesions_of(phantom))
    monkeypatch.setenv(FOLDER_VARIABLE, "none")
    with pytest.raises(RefusedInput, match="no weights for the icovid"):
        run(phantom.volume, phantom.lungs, lesions_of(phantom))


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"system": "lungs"}, "they are weights of lungs, not of icovid"),
        ({"config": {}}, "their header has no usable side_information"),
        ({"config": config(spp=[4, 0])}, "their header has no usable spp"),
        (
            {"config": config(spp=[5, 3, 2])},
            "the tensor describe.1.weight has the shape [512, 1280], not that",
        ),
        ({"config": config(input={"side": 60, "slice_mm": 3.0})}, "their header has no usable side"),
        ({"config": config(input={"side": 64, "slice_mm": 0})}, "their header has no usable slice_mm"),
        ({"config": config(operating_point=None)}, "their header has no usable operating_point"),
        ({"config": config(heatmaps={})}, "their header has no usable lung relevance"),
    ],
)
def test_weights_whose_header_does_not_say_enough_are_refused(
    header: Mapping[str, Any], reason: str, phantom: ChestPhantom, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    ship(tmp_path, **header)
    with pytest.raises(RefusedInput) as caught:
        run(phantom.volume, phantom.lungs, lesions_of(phantom))
    assert caught.value.code == "bad_weights"
    assert caught.value.sentence.startswith(f"The weights icovid.safetensors can not be used: {reason}")
