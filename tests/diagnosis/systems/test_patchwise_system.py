"""The patch networks as a system, with weights set by hand: answers, places in mm, refusals, the document."""

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
from diagnosis.systems.interface import Case
from diagnosis.systems.patchwise.network import PatchNetwork
from diagnosis.systems.patchwise.spec import SPEC
from diagnosis.volume import BoolArray, CTVolume, LabelArray, millimetres
from diagnosis.weight_files import FOLDER_VARIABLE
from tests.diagnosis.systems.crafted_patchwise import OPERATING_POINT, config, ship
from tests.phantoms import ChestPhantom, chest_phantom

WITHOUT = pytest.approx(0.119, abs=0.001)
"""What the crafted networks say of a lung without ground glass."""


@pytest.fixture(scope="module")
def phantom() -> ChestPhantom:
    return chest_phantom(slices=12, noise_hu=0.0)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    return ship(tmp_path)


@pytest.fixture(scope="module")
def result(phantom: ChestPhantom, tmp_path_factory: pytest.TempPathFactory) -> SystemResult:
    folder = tmp_path_factory.mktemp("weights")
    ship(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(folder))
        return run(phantom.volume, phantom.lungs)


def run(volume: CTVolume, lungs: LabelArray, **options: str) -> SystemResult:
    return load_system("patchwise").run(
        Case(volume, lungs), chosen_options("patchwise", options), lambda part: None
    )


def around_infection(phantom: ChestPhantom) -> tuple[CTVolume, LabelArray, BoolArray]:
    """A few slices: volume, lungs, ground glass."""
    ill = np.flatnonzero(phantom.ground_glass.any(axis=(1, 2)))
    few = slice(int(ill[0]) - 1, int(ill[-1]) + 2)
    volume = CTVolume(phantom.volume.hu[few], phantom.volume.affine)
    return volume, phantom.lungs[few], phantom.ground_glass[few]


def centre_mm(mask: BoolArray, volume: CTVolume) -> tuple[float, float, float]:
    z, y, x = np.argwhere(mask).mean(axis=0)
    return millimetres(volume.affine, (z, y, x))


def test_infection_is_told_shown_placed_and_measured(phantom: ChestPhantom, result: SystemResult) -> None:
    assert (result.system, result.version) == ("patchwise", "test")
    assert set(result.probabilities) == set(SPEC.probabilities) == set(result.operating_points)
    assert min(result.probabilities.values()) > 0.99
    assert result.probabilities["COVID-19"] == pytest.approx(
        result.probabilities["diseased"] * result.probabilities["COVID-19 given diseased"]
    )
    assert [(heatmap.class_name, heatmap.kind) for heatmap in result.heatmaps] == list(SPEC.heatmaps)
    truth = centre_mm(phantom.ground_glass, phantom.volume)
    for heatmap in result.heatmaps:
        strong = np.argwhere(heatmap.values > 0.9 * heatmap.values.max()).mean(axis=0)
        assert millimetres(heatmap.affine, tuple(strong)) == pytest.approx(truth, abs=10), heatmap.kind
    (region,) = result.regions
    assert region.side == "right"
    assert region.class_name == "diseased"
    assert region.centre_mm == pytest.approx(truth, abs=10)
    assert 0.5 < region.evidence <= 1.0
    measured = result.quantification
    assert measured is not None
    assert measured.source == "patches"
    assert measured.left.infected_ml == 0.0
    assert phantom.ground_glass_ml < measured.infected_ml < 2.5 * phantom.ground_glass_ml
    assert 0.9 * phantom.ground_glass_ml < region.volume_ml < measured.infected_ml
    analysis = Analysis(phantom.volume, phantom.lungs, None, {"patchwise": result}, [], {}, 0.0)
    jsonschema.validate(analysis_json(analysis, {}), json_schema())


def test_the_worst_slices_have_the_probability_of_the_scan(
    phantom: ChestPhantom, result: SystemResult
) -> None:
    evidence = np.array(result.slice_evidence)[::-1]
    ill = np.asarray(phantom.ground_glass.any(axis=(1, 2)))
    assert len(evidence) == len(ill)
    assert evidence.max() == pytest.approx(result.probabilities["COVID-19"])
    assert ((evidence > 0.9) == ill).all()
    assert not evidence[~phantom.lungs.any(axis=(1, 2))].any()


@pytest.mark.usefixtures("weights")
def test_voxels_of_three_sizes_and_axes_of_either_sign_end_in_the_same_place(phantom: ChestPhantom) -> None:
    volume, lungs, ground_glass = around_infection(phantom)
    affine = volume.affine @ np.diag([1, -1, -1, 1.0]) @ np.diag([0.9, 1.2, 0.8, 1.0])
    turned = CTVolume(volume.hu, affine)
    (region,) = run(turned, lungs).regions
    assert region.centre_mm == pytest.approx(centre_mm(ground_glass, turned), abs=10)


@pytest.mark.usefixtures("weights")
def test_without_disease_the_second_network_looks_at_the_worst_slices_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    healthy = chest_phantom(slices=12, noise_hu=0.0, lesions=False)
    asked: list[int] = []
    fine = 0
    judge = PatchNetwork.judge

    def counted(network: PatchNetwork, features: Any) -> Any:
        nonlocal fine
        asked.append(len(features.final) if network.fine is None else 0)
        fine += len(features.final)
        return judge(network, features)

    monkeypatch.setattr(PatchNetwork, "judge", counted)
    result = run(healthy.volume, healthy.lungs)
    assert 0 < sum(asked) <= 15 < fine - sum(asked)
    assert result.probabilities["diseased"] == result.probabilities["COVID-19 given diseased"] == WITHOUT
    assert result.regions == []
    assert "diseased: no region: predicted negative." in result.warnings
    assert (
        "Patch networks: diseased is 0.12, not above 0.5, so COVID-19 given diseased was read from the worst "
        "slices only."
    ) in result.warnings
    assert not result.heatmaps[1].values.any()
    assert result.quantification is not None
    assert result.quantification.infected_ml == 0.0


def test_weights_for_kmeans_lungs_that_have_to_be_scaled_down_find_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    ship(tmp_path, config=config(input={"side": 64, "lungs": "kmeans", "slice_mm": None}))
    volume, lungs, ground_glass = around_infection(chest_phantom(slices=12, size=160, noise_hu=0.0))
    found = run(volume, lungs, denominator="published")
    assert found.probabilities["diseased"] > 0.9
    assert found.regions[0].centre_mm == pytest.approx(centre_mm(ground_glass, volume), abs=12)
    assert found.quantification is not None
    assert found.quantification.infected_percent > 0.0


@pytest.mark.usefixtures("weights")
def test_one_lung_is_enough_and_a_few_slices_too(phantom: ChestPhantom) -> None:
    volume, lungs, _ = around_infection(phantom)
    left = np.where(lungs == 2, 2, 0).astype(np.uint8)
    assert run(volume, left).probabilities["diseased"] == WITHOUT
    for count in (1, 2, 3):
        few = CTVolume(volume.hu[1 : 1 + count], volume.affine)
        result = run(few, lungs[1 : 1 + count])
        assert len(result.slice_evidence) == count
        assert result.probabilities["diseased"] > 0.9


@pytest.mark.usefixtures("weights")
def test_no_lungs_and_too_little_lung_are_refused(phantom: ChestPhantom) -> None:
    with pytest.raises(RefusedInput, match="No lungs found"):
        run(phantom.volume, np.zeros_like(phantom.lungs))
    speck = np.zeros_like(phantom.lungs)
    speck[8:10, 40:44, 30:34] = 1
    with pytest.raises(RefusedInput, match="No slice shows enough lung") as caught:
        run(phantom.volume, speck)
    assert caught.value.code == "no_lungs"


def test_missing_weights_are_refused(phantom: ChestPhantom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, "none")
    with pytest.raises(RefusedInput, match="no weights for the Patch networks") as caught:
        run(phantom.volume, phantom.lungs)
    assert caught.value.code == "no_weights"


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"system": "lungs"}, "they are weights of lungs, not of patchwise"),
        ({"config": {}}, "their header has no usable operating_points"),
        ({"config": config(pooling="max")}, "their header has no usable pooling"),
        ({"config": config(third_block=0)}, "their header has no usable third_block"),
        ({"config": config(input={"side": 100, "lungs": "closed"})}, "their header has no usable side"),
        ({"config": config(input={"side": 64, "lungs": "best"})}, "their header has no usable lungs"),
        (
            {"config": config(operating_points={"COVID-19": OPERATING_POINT})},
            "their header has no usable diseased",
        ),
        ({"config": config(heatmaps={})}, "their header has no usable diseased coarse"),
        ({"config": config(third_block=2)}, "their tensors are not those of the patchwise network"),
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
    assert caught.value.sentence == f"The weights patchwise.safetensors can not be used: {reason}."


@pytest.mark.usefixtures("weights")
def test_an_answer_that_is_no_number_is_refused(
    phantom: ChestPhantom, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = PatchNetwork.judge

    def broken(network: PatchNetwork, features: Any) -> Any:
        lung = judge(network, features)
        return lung._replace(logits=lung.logits * np.nan)

    monkeypatch.setattr(PatchNetwork, "judge", broken)
    with pytest.raises(RefusedInput, match="gave no probability") as caught:
        run(*around_infection(phantom)[:2])
    assert caught.value.code == "no_answer"
