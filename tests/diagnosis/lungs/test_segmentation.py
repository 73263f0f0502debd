"""One interface over all ways to find the lungs: mechanics of the network path with hand-set weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from diagnosis.geometry import RefusedInput
from diagnosis.lungs.by_network import _read_blocks, unet_lungs
from diagnosis.lungs.chest import Chest
from diagnosis.lungs.deepmedic import DeepMedic
from diagnosis.lungs.segmentation import METHODS, segment_lungs
from diagnosis.lungs.threshold import threshold_mask
from diagnosis.volume import CTVolume, LabelArray
from tests.diagnosis.crafted_networks import blind_lung_network, ship, silenced, threshold_lung_network
from tests.phantoms import ChestPhantom, abdomen_phantom, chest_phantom


def dice(found: LabelArray, truth: LabelArray, side: int) -> float:
    return float(
        2 * ((found == side) & (truth == side)).sum() / ((found == side).sum() + (truth == side).sum())
    )


@pytest.fixture(scope="module")
def phantom() -> ChestPhantom:
    return chest_phantom(slices=16, size=96)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LUNGSIGHT_WEIGHTS", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("method", ["closed", "threshold"])
def test_every_rule_finds_both_lungs_on_their_sides(phantom: ChestPhantom, method: str) -> None:
    found = segment_lungs(phantom.volume, method)  # type: ignore[arg-type]
    assert found.method == method
    assert not found.warnings
    assert found.labels.dtype == np.uint8
    assert all(dice(found.labels, phantom.lungs, side) > 0.93 for side in (1, 2))


def test_kmeans_goes_through_the_same_interface() -> None:
    fine = chest_phantom(slices=4, size=256)
    found = segment_lungs(fine.volume, "kmeans")
    assert found.method == "kmeans"
    assert all(dice(found.labels, fine.lungs, side) > 0.9 for side in (1, 2))


def test_automatic_takes_the_network_once_its_weights_are_there(phantom: ChestPhantom, weights: Path) -> None:
    ship(weights, lungs=threshold_lung_network())
    done: list[float] = []
    found = segment_lungs(phantom.volume, progress=done.append)
    assert (found.method, found.version, found.warnings) == ("network", "test", ())
    assert found.labels.shape == phantom.volume.shape
    assert all(dice(found.labels, phantom.lungs, side) > 0.95 for side in (1, 2))
    assert done == sorted(done)
    assert done[-1] == 1.0
    trachea = (phantom.volume.hu < -930) & (phantom.lungs == 0)
    assert not found.labels[trachea].any()


def test_without_weights_automatic_is_closed_and_the_networks_are_refused(
    phantom: ChestPhantom, weights: Path
) -> None:
    if segment_lungs(phantom.volume).method == "closed":
        with pytest.raises(RefusedInput, match="no weights for the lung network"):
            segment_lungs(phantom.volume, "network")
    with pytest.raises(RefusedInput, match="no weights for the DeepMedic-type lung network") as caught:
        segment_lungs(phantom.volume, "deepmedic")
    assert caught.value.code == "no_weights"


def test_touching_lungs_are_parted(weights: Path, phantom: ChestPhantom) -> None:
    ship(weights, lungs=threshold_lung_network())
    hu = phantom.volume.hu.copy()
    columns = (
        np.flatnonzero((phantom.lungs == 1).any(axis=(0, 1)))[-1],
        np.flatnonzero((phantom.lungs == 2).any(axis=(0, 1)))[0],
    )
    bridge = (slice(9, 11), slice(36, 40), slice(columns[0] - 3, columns[1] + 4))
    hu[bridge] = -850
    found = segment_lungs(CTVolume(hu, phantom.volume.affine)).labels
    assert all(dice(found, phantom.lungs, side) > 0.93 for side in (1, 2))


def test_a_network_that_finds_no_lungs_gives_way_to_the_rules_and_says_so(
    phantom: ChestPhantom, weights: Path
) -> None:
    ship(weights, lungs=blind_lung_network())
    found = segment_lungs(phantom.volume)
    assert found.method == "closed"
    assert found.warnings == (
        "The lung network found nothing that can be lungs; they were found by density instead.",
    )


@pytest.mark.parametrize("method", ["automatic", "threshold"])
def test_a_body_without_lungs_is_refused(weights: Path, method: str) -> None:
    ship(weights, lungs=threshold_lung_network())
    with pytest.raises(RefusedInput) as caught:
        segment_lungs(abdomen_phantom(slices=12, size=48), method)  # type: ignore[arg-type]
    assert caught.value.code == "no_lungs"


@pytest.mark.parametrize("slices", [2, 3])
def test_two_slices_and_odd_sizes_come_back_on_their_own_grid(weights: Path, slices: int) -> None:
    ship(weights, lungs=threshold_lung_network())
    whole = chest_phantom(slices=14, size=91, rows=73)
    volume = CTVolume(whole.volume.hu[6 : 6 + slices], whole.volume.affine)
    labels, _ = unet_lungs(weights / "lungs.safetensors", volume, lambda done: None)
    assert labels.shape == volume.shape
    truth = whole.lungs[6 : 6 + slices]
    assert all(dice(labels, truth, side) > 0.85 for side in (1, 2))


def test_progress_that_raises_stops_the_network(phantom: ChestPhantom, weights: Path) -> None:
    ship(weights, lungs=threshold_lung_network())

    def stop(done: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        segment_lungs(phantom.volume, progress=stop)


def test_the_published_threshold_leaves_the_air_around_out(phantom: ChestPhantom) -> None:
    mask = threshold_mask(phantom.volume.hu.astype(np.float32))
    assert not mask[:, 0].any()
    inside = mask & (phantom.lungs > 0)
    assert inside.sum() > 0.93 * (phantom.lungs > 0).sum()


def test_no_method_is_forgotten() -> None:
    assert set(METHODS) == {
        "automatic", "network", "multiview", "deepmedic", "closed", "threshold", "kmeans",
    }  # fmt: skip


def test_three_views_vote_and_stay_on_their_own_grid(phantom: ChestPhantom, weights: Path) -> None:
    ship(weights, lungs=threshold_lung_network())
    found = segment_lungs(phantom.volume, "multiview")
    assert found.method == "multiview"
    assert found.labels.shape == phantom.volume.shape
    assert all(dice(found.labels, phantom.lungs, side) > 0.94 for side in (1, 2))


def test_the_3d_network_reads_block_by_block_and_stays_inside_the_body(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("diagnosis.lungs.by_network._BLOCK", (18, 18, 18))
    network = silenced(DeepMedic()).eval()
    assert isinstance(network, DeepMedic)
    with torch.no_grad():
        network.classes.bias[1] = 1  # type: ignore[index]
    body = np.zeros((8, 20, 26), dtype=bool)
    body[:, 3:15, 2:22] = True
    chest = Chest(
        np.zeros(body.shape, np.float32), body, np.eye(4), (slice(0, 8), slice(0, 20), slice(0, 26))
    )
    assert np.array_equal(_read_blocks(network, chest), body)
