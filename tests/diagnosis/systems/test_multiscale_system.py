"""The multi-scale classifier as a system, with weights set by hand: answers, places in mm, refusals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import torch

from diagnosis.document import analysis_json, json_schema
from diagnosis.geometry import RefusedInput
from diagnosis.pipeline import chosen_options, load_system
from diagnosis.results import Analysis, Heatmap, SystemResult
from diagnosis.systems.interface import Case, Progress, ShowHeatmap
from diagnosis.systems.multiscale.aggregation import patient_probabilities, top_slices
from diagnosis.volume import BoolArray, CTVolume, LabelArray, millimetres
from diagnosis.weight_files import FOLDER_VARIABLE
from tests.diagnosis.systems.crafted_multiscale import HAZY_HU, OPERATING_POINT, config, ship
from tests.phantoms import LUNG, ChestPhantom, chest_phantom

NEAR = slice(7, 12)
"""Slices around the consolidation, which is in two of them: saliency costs seconds a slice."""


@pytest.fixture(scope="module")
def phantom() -> ChestPhantom:
    return chest_phantom(slices=14, size=48, noise_hu=0.0)


@pytest.fixture(scope="module", autouse=True)
def weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("weights")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(folder))
        yield ship(folder)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Take the squared image as its saliency, one slice at a time, and note the brightest pixel of each slice
    as it is asked."""
    asked: list[float] = []

    def squared(network: Any, image: Any, class_name: str, **_: Any) -> Any:
        asked.append(float(image.max()))
        return (image[0, 0].float() ** 2).numpy()

    monkeypatch.setattr("diagnosis.systems.multiscale.reading.joint_saliency", squared)
    cores = torch.get_num_threads()
    torch.set_num_threads(1)
    yield asked
    torch.set_num_threads(cores)


def run(
    volume: CTVolume, lungs: LabelArray, progress: Progress = lambda part: None, **options: str
) -> SystemResult:
    return load_system("multiscale").run(Case(volume, lungs), chosen_options("multiscale", options), progress)


def part(
    phantom: ChestPhantom, which: slice = NEAR, lesion_hu: int | None = None
) -> tuple[CTVolume, LabelArray]:
    hu = phantom.volume.hu.copy()
    if lesion_hu is not None:
        hu[phantom.consolidation] = lesion_hu
    affine = phantom.volume.affine.copy()
    affine[:3, 3] += affine[:3, 2] * which.start
    return CTVolume(hu[which], affine), phantom.lungs[which]


def centre_mm(mask: BoolArray, volume: CTVolume) -> tuple[float, float, float]:
    z, y, x = np.argwhere(mask).mean(axis=0)
    return millimetres(volume.affine, (z, y, x))


def test_disease_is_told_shown_and_placed(phantom: ChestPhantom) -> None:
    """The whole way, with integrated gradients; the box of a lesion lies in it."""
    told: list[float] = []
    volume, lungs = part(phantom)
    result = run(volume, lungs, told.append)
    assert result.version == "test"
    assert result.probabilities["COVID-19"] > 0.95
    assert sum(result.probabilities.values()) == pytest.approx(1)
    assert result.operating_points == {"COVID-19": OPERATING_POINT, "CAP": OPERATING_POINT}
    assert [(one.class_name, one.kind) for one in result.heatmaps] == [
        *(("COVID-19", kind) for kind in ("conv3", "conv4", "conv5")),
        *(("CAP", kind) for kind in ("conv3", "conv4", "conv5")),
        ("COVID-19", "joint"),
    ]
    true = centre_mm(phantom.consolidation, phantom.volume)
    for heatmap in (result.heatmaps[0], result.heatmaps[-1]):
        z, y, x = np.unravel_index(heatmap.values.argmax(), heatmap.values.shape)
        assert millimetres(heatmap.affine, (z, y, x)) == pytest.approx(true, abs=26)
    (region,) = result.regions
    assert (region.class_name, region.side) == ("COVID-19", "left")
    assert region.centre_mm == pytest.approx(true, abs=20)
    assert region.evidence > 0
    ill = phantom.consolidation[NEAR].any(axis=(1, 2))[::-1]
    np.testing.assert_array_equal(np.array(result.slice_evidence) > 0.9, ill)
    assert result.quantification is not None
    assert result.quantification.source == "saliency"
    assert 0 < result.quantification.infected_percent < 5
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert set(result.seconds) == {"weights", "input", "slices", "saliency", "regions"}
    assert result.warnings == [
        "Multi-scale classifier: these weights are for demonstration only, their AUC was not measured."
    ]
    analysis = Analysis(volume, lungs, None, {"multiscale": result}, [], {}, 0.0)
    jsonschema.validate(analysis_json(analysis, {}), json_schema())


@pytest.mark.usefixtures("quick")
def test_saliency_is_shown_slice_by_slice_and_can_be_stopped_between(phantom: ChestPhantom) -> None:
    seen: list[tuple[Heatmap, float]] = []
    volume, lungs = part(phantom)

    def stop_at_the_third(heatmap: Heatmap, done: float) -> None:
        seen.append((heatmap, done))
        if len(seen) == 3:
            raise InterruptedError

    def read(show: ShowHeatmap) -> SystemResult:
        case = Case(volume, lungs, show=show)
        return load_system("multiscale").run(case, chosen_options("multiscale", {}), lambda part: None)

    whole = read(lambda heatmap, done: seen.append((heatmap, done)))
    made = [set(np.flatnonzero(heatmap.values.any(axis=(1, 2)))) for heatmap, _ in seen]
    assert [done for _, done in seen] == pytest.approx(np.linspace(0, 1, len(seen) + 1)[1:])
    assert all(before < after for before, after in pairwise(made))
    np.testing.assert_array_equal(seen[-1][0].values, whole.heatmaps[-1].values)
    first = seen[0][0]
    assert (first.class_name, first.kind, first.reference) == (
        "COVID-19", "joint", whole.heatmaps[-1].reference,
    )  # fmt: skip

    seen.clear()
    with pytest.raises(InterruptedError):
        read(stop_at_the_third)
    assert len(seen) == 3


@pytest.mark.usefixtures("quick")
def test_other_pneumonia_is_told_apart_and_shown_as_such(phantom: ChestPhantom) -> None:
    result = run(*part(phantom, lesion_hu=HAZY_HU))
    assert result.probabilities["CAP"] > 0.9
    assert {region.class_name for region in result.regions} == {"CAP"}
    assert (result.heatmaps[-1].class_name, result.heatmaps[-1].kind) == ("CAP", "joint")
    assert max(result.slice_evidence) < 0.1


def test_without_disease_nothing_is_looked_for_unless_asked(
    phantom: ChestPhantom, quick: list[float]
) -> None:
    healthy = part(phantom, lesion_hu=LUNG)
    result = run(*healthy)
    assert result.probabilities["NP"] > 0.8
    assert (result.regions, quick) == ([], [])
    assert result.quantification is not None
    assert result.quantification.infected_ml == 0
    assert "COVID-19: no region: predicted negative." in result.warnings
    assert "CAP: no region: predicted negative." in result.warnings
    assert {one.kind for one in result.heatmaps} == {"conv3", "conv4", "conv5"}
    asked = run(*healthy, saliency="all")
    assert len(quick) == len(healthy[1])
    assert (asked.heatmaps[-1].kind, asked.regions) == ("joint", [])


def test_the_worst_slices_come_first_and_it_can_be_stopped(phantom: ChestPhantom, quick: list[float]) -> None:
    everything = part(phantom, slice(0, 14))
    result = run(*everything)
    assert len(quick) == 10
    assert min(quick[:2]) > max(quick[2:])
    joint = result.heatmaps[-1]
    assert joint.values.any(axis=(1, 2)).sum() == 10
    assert joint.reference == pytest.approx(1000 ** (1 / 3))
    assert joint.values.max() < 1  # the cube root of the blurred square of what is below 1

    def stop(done: float) -> None:
        if done > 0.3:
            raise KeyboardInterrupt

    quick.clear()
    with pytest.raises(KeyboardInterrupt):
        run(*everything, stop)
    assert len(quick) == 1


@pytest.mark.usefixtures("quick")
def test_the_infected_part_is_left_out_when_diseased_slices_were_not_looked_at(phantom: ChestPhantom) -> None:
    hu = phantom.volume.hu.copy()
    hu[:, 20:24, 34:37] = 30
    volume = CTVolume(hu, phantom.volume.affine)
    partly, whole = (run(volume, phantom.lungs, saliency=which) for which in ("worst", "all"))
    assert partly.quantification is None
    assert partly.warnings[-1] == (
        "Multi-scale classifier: its infected part was not measured: 1 of 11 diseased slices were not looked "
        "at (saliency=all looks at every slice)."
    )
    assert whole.quantification is not None
    assert whole.quantification.left.infected_ml > whole.quantification.right.infected_ml


@pytest.mark.parametrize("options", [{"saliency": "none"}, {"saliency": "worst", "regions": "threshold"}])
@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, 1), (1, -1, -1)])
def test_regions_by_threshold_lie_in_the_lesion_whatever_the_axes(
    phantom: ChestPhantom, options: Mapping[str, str], signs: tuple[int, int, int]
) -> None:
    given, lungs = part(phantom)
    volume = CTVolume(given.hu, given.affine @ np.diag([*signs, 1.0]))
    (region,) = run(volume, lungs, **options).regions
    assert region.centre_mm == pytest.approx(centre_mm(phantom.consolidation[NEAR], volume), abs=16)


@pytest.mark.usefixtures("quick")
def test_one_slice_one_lung_and_kept_slices_are_enough(phantom: ChestPhantom) -> None:
    assert len(run(*part(phantom, slice(9, 10))).slice_evidence) == 1
    volume, lungs = part(phantom)
    right = np.where(lungs == 1, 1, 0).astype(np.uint8)
    assert run(volume, right, slices="kept").probabilities["COVID-19"] < 0.1
    with pytest.raises(RefusedInput, match="No lungs found"):
        run(volume, np.zeros_like(lungs))


def test_a_patient_is_the_mean_of_his_worst_fifth() -> None:
    slices = np.array(
        [[0.1, 0.1, 0.8], [0.7, 0.2, 0.1], [0, 0.4, 0.6], [0.2, 0.6, 0.2], [0, 0, 1], [0, 0, 1.0]]
    )
    assert top_slices(slices).tolist() == [1, 3]
    assert patient_probabilities(slices) == pytest.approx([0.45, 0.4, 0.15])
    assert patient_probabilities(slices[:1]) == pytest.approx(slices[0])
    with pytest.raises(ValueError, match="at least one slice"):
        patient_probabilities(slices[:0])


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"system": "lungs"}, "they are weights of lungs, not of multiscale"),
        ({"config": {}}, "their header has no usable levels"),
        ({"config": config(levels=[2, 3])}, "their header has no usable levels"),
        ({"config": config(levels=[3])}, "their tensors are not those of the multiscale network"),
        ({"config": config(input={"height": 32})}, "their header has no usable width"),
        ({"config": config(input={"height": 32, "width": 8})}, "their header has no usable height or width"),
        ({"config": config(input={"height": 32, "width": 48})}, "their header has no usable field"),
        ({"config": config(operating_points={"COVID-19": 0.5})}, "their header has no usable CAP"),
        ({"config": config(heatmaps={})}, "their header has no usable COVID-19 conv3"),
    ],
)
def test_weights_whose_header_does_not_say_enough_are_refused(
    header: Mapping[str, Any], reason: str, phantom: ChestPhantom, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    ship(tmp_path, **header)
    with pytest.raises(RefusedInput) as caught:
        run(*part(phantom))
    assert caught.value.code == "bad_weights"
    assert caught.value.sentence == f"The weights multiscale.safetensors can not be used: {reason}."


def test_an_answer_that_is_no_number_is_refused(
    phantom: ChestPhantom, monkeypatch: pytest.MonkeyPatch
) -> None:
    from diagnosis.systems.multiscale import reading

    added_up = reading.sum_of_maxima
    monkeypatch.setattr(reading, "sum_of_maxima", lambda maps: added_up(maps) * np.nan)
    with pytest.raises(RefusedInput, match="gave no probability") as caught:
        run(*part(phantom))
    assert caught.value.code == "no_answer"
