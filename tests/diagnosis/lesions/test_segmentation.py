"""Lesions on the series grid, from a network whose weights are set by hand: mechanics, not skill."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from diagnosis.geometry import RefusedInput
from diagnosis.inference import SliceReader
from diagnosis.lesions.reading import read_blocks, read_slices
from diagnosis.lesions.segmentation import Lesions, segment_lesions
from diagnosis.lesions.unet3d import LesionUNet3d
from diagnosis.lesions.unet25d import LesionUNet
from diagnosis.volume import BoolArray, CTVolume
from diagnosis.weights import save_weights
from tests.diagnosis.crafted_networks import EFFUSION_HU, density_lesion_network, ship, silenced
from tests.phantoms import ChestPhantom, chest_phantom


@pytest.fixture(scope="module")
def phantom() -> ChestPhantom:
    """A chest with fluid below the right lung, and the same density inside it and far away."""
    made = chest_phantom(slices=16, size=96)
    hu = made.volume.hu.copy()
    hu[fluid_below(made)] = EFFUSION_HU
    hu[:, 70:74, 40:50] = EFFUSION_HU
    return ChestPhantom(
        CTVolume(hu, made.volume.affine), made.lungs, made.ground_glass, made.consolidation,
        made.right_ml, made.left_ml, made.ground_glass_ml, made.consolidation_ml,
    )  # fmt: skip


def fluid_below(phantom: ChestPhantom) -> BoolArray:
    lowest = int(np.flatnonzero((phantom.lungs == 1).any(axis=(1, 2)))[0])
    fluid = np.zeros(phantom.lungs.shape, dtype=bool)
    fluid[lowest - 2 : lowest] = phantom.lungs[lowest] == 1
    return fluid


@pytest.fixture(scope="module")
def found(phantom: ChestPhantom, tmp_path_factory: pytest.TempPathFactory) -> Lesions:
    folder = tmp_path_factory.mktemp("weights")
    ship(folder, lesions=density_lesion_network())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LUNGSIGHT_WEIGHTS", str(folder))
        result = segment_lesions(phantom.volume, phantom.lungs)
    assert result is not None
    return result


def dice(found: BoolArray, truth: BoolArray) -> float:
    return float(2 * (found & truth).sum() / (found.sum() + truth.sum()))


def test_types_lie_where_they_are(found: Lesions, phantom: ChestPhantom) -> None:
    assert (found.method, found.version, found.threshold) == ("network", "test", 0.4)
    assert dice(found.labels == 1, phantom.ground_glass) > 0.85
    assert dice(found.labels == 3, phantom.consolidation) > 0.85


def test_infection_stays_inside_the_lungs(found: Lesions, phantom: ChestPhantom) -> None:
    infected = (found.labels >= 1) & (found.labels <= 4)
    assert not infected[phantom.lungs == 0].any()
    assert not found.infection[phantom.lungs == 0].any()


def test_effusion_lies_outside_the_lungs_and_touches_them(found: Lesions, phantom: ChestPhantom) -> None:
    effusion = found.labels == 10
    assert dice(effusion, fluid_below(phantom)) > 0.7
    assert not effusion[phantom.lungs > 0].any()
    assert not effusion[:, 70:74].any()


def test_the_infected_part_falls_as_the_threshold_rises(found: Lesions, phantom: ChestPhantom) -> None:
    percents = [found.percent_at[threshold] for threshold in (0.25, 0.4, 0.6)]
    assert percents == sorted(percents, reverse=True)
    infected = (found.labels >= 1) & (found.labels <= 4)
    assert percents[1] == pytest.approx(100 * infected.sum() / (phantom.lungs > 0).sum())
    assert percents[1] == pytest.approx(phantom.infected_percent, abs=1.5)


def test_without_weights_there_are_no_lesions_and_asking_for_them_is_refused(
    phantom: ChestPhantom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUNGSIGHT_WEIGHTS", str(tmp_path))
    monkeypatch.setattr("diagnosis.weight_files._SHIPPED", tmp_path)
    assert segment_lesions(phantom.volume, phantom.lungs) is None
    for method, words in (("network", "lesion network"), ("unet3d", "3-D lesion network")):
        with pytest.raises(RefusedInput, match=words) as caught:
            segment_lesions(phantom.volume, phantom.lungs, method)  # type: ignore[arg-type]
        assert caught.value.code == "no_weights"


def test_bfloat16_says_the_same_as_float32(phantom: ChestPhantom) -> None:
    box = (slice(8, 9), slice(40, 64), slice(10, 40))
    readings = []
    for dtype in (torch.float32, torch.bfloat16):
        torch.manual_seed(0)
        network = LesionUNet()
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight)
        reader = SliceReader(network, dtype=dtype)
        readings.append(read_slices(reader, phantom.volume, box, phantom.lungs, lambda done: None))
    difference = np.abs(readings[0].infection.astype(int) - readings[1].infection.astype(int))
    assert readings[0].infection.std() > 0
    assert difference.max() <= 0.02 * 255


@pytest.mark.parametrize(("slices", "size", "rows"), [(2, 91, 73), (3, 84, 96)])
def test_two_slices_and_odd_sizes_come_back_on_their_own_grid(
    slices: int, size: int, rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ship(tmp_path, lesions=density_lesion_network())
    monkeypatch.setenv("LUNGSIGHT_WEIGHTS", str(tmp_path))
    whole = chest_phantom(slices=14, size=size, rows=rows)
    part = slice(3, 3 + slices)
    volume = CTVolume(whole.volume.hu[part], whole.volume.affine)
    found = segment_lesions(volume, whole.lungs[part])
    assert found is not None
    assert found.labels.shape == found.infection.shape == volume.shape
    assert (found.labels == 1)[whole.ground_glass[part]].mean() > 0.7


def test_thin_slices_are_pooled_and_come_back_thin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ship(tmp_path, lesions=density_lesion_network())
    monkeypatch.setenv("LUNGSIGHT_WEIGHTS", str(tmp_path))
    whole = chest_phantom(slices=224, size=48, rows=40)
    part = slice(60, 69)
    volume = CTVolume(whole.volume.hu[part], whole.volume.affine)
    read: list[float] = []
    found = segment_lesions(volume, whole.lungs[part], progress=read.append)
    assert found is not None
    assert len(read) == 5
    assert dice(found.labels == 1, whole.ground_glass[part]) > 0.75


def test_the_3d_network_reads_block_by_block(phantom: ChestPhantom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diagnosis.lesions.reading._BLOCK", (32, 32, 32))
    network = silenced(LesionUNet3d()).eval()
    assert isinstance(network, LesionUNet3d)
    with torch.no_grad():
        network.classes.bias[3] = 5  # type: ignore[index]
    box = (slice(2, 7), slice(30, 38), slice(20, 30))
    reading = read_blocks(network, phantom.volume, box, lambda done: None)
    assert set(np.unique(reading.kind)) == {3}
    assert reading.infection.min() > 0.95 * 255
    assert not reading.other.any()
    assert reading.infection.shape == (5, 20, 25)


def test_weights_say_which_types_they_can_not_tell(
    phantom: ChestPhantom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = {"ground_glass_dice": 0.7, "crazy_paving_dice": 0.0, "nodule_dice": 0.1}
    header = {"system": "lesions", "version": "test", "metrics": metrics}
    save_weights(tmp_path / "lesions.safetensors", density_lesion_network(), header)
    monkeypatch.setenv("LUNGSIGHT_WEIGHTS", str(tmp_path))
    result = segment_lesions(phantom.volume, phantom.lungs)
    assert result is not None
    types, nodules = result.warnings
    assert "hardly tells crazy paving from" in types
    assert "hardly finds nodule" in nodules
