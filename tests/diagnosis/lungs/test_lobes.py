"""Lobes: every lung voxel gets one of its own side, by a network with hand-set weights or by geometry."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from diagnosis.geometry import RefusedInput
from diagnosis.lungs.lobes import segment_lobes
from diagnosis.volume import CTVolume, LabelArray
from tests.diagnosis.crafted_networks import height_lobe_network, ship
from tests.phantoms import ChestPhantom, chest_phantom


@pytest.fixture(scope="module")
def phantom() -> ChestPhantom:
    return chest_phantom(slices=28, size=48)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LUNGSIGHT_WEIGHTS", str(tmp_path))
    monkeypatch.setattr("diagnosis.weight_files._SHIPPED", tmp_path)
    return tmp_path


def check_sides(lobes: LabelArray, lungs: LabelArray) -> None:
    assert lobes.dtype == np.uint8
    assert np.array_equal(lobes > 0, lungs > 0)
    assert set(np.unique(lobes[lungs == 1])) <= {1, 2, 3}
    assert set(np.unique(lobes[lungs == 2])) <= {4, 5}


def heights(lobes: LabelArray, lobe: int) -> tuple[int, int]:
    z = np.flatnonzero((lobes == lobe).any(axis=(1, 2)))
    return int(z[0]), int(z[-1])


def test_the_network_divides_each_lung_where_it_says(phantom: ChestPhantom, weights: Path) -> None:
    ship(weights, lobes=height_lobe_network())
    found = segment_lobes(phantom.volume, phantom.lungs)
    assert found is not None
    assert (found.method, found.version, found.warnings) == ("network", "test", ())
    check_sides(found.labels, phantom.lungs)
    both = np.flatnonzero((phantom.lungs > 0).any(axis=(1, 2)))
    third = (both[-1] + 1 - both[0]) / 3
    for lobe, low, high in ((3, 0, 1), (2, 1, 2), (1, 2, 3), (5, 0, 1.5), (4, 1.5, 3)):
        bottom, top = heights(found.labels, lobe)
        assert bottom >= both[0] + low * third - 2
        assert top <= both[0] + high * third + 2


def test_geometry_needs_no_weights_and_says_that_it_guesses(phantom: ChestPhantom, weights: Path) -> None:
    found = segment_lobes(phantom.volume, phantom.lungs, "geometric")
    assert found is not None
    check_sides(found.labels, phantom.lungs)
    assert "rough guess" in found.warnings[0]
    assert heights(found.labels, 1)[1] == heights(phantom.lungs, 1)[1]
    assert heights(found.labels, 3)[0] == heights(phantom.lungs, 1)[0]
    shares = np.bincount(found.labels.ravel(), minlength=6)[1:] / (phantom.lungs > 0).sum()
    assert np.all((shares > 0.06) & (shares < 0.35))
    y = np.nonzero(phantom.lungs)[1].mean()
    assert np.nonzero(found.labels == 2)[1].mean() < y < np.nonzero(found.labels == 3)[1].mean()


def test_without_weights_there_are_no_lobes_and_the_network_is_refused(
    phantom: ChestPhantom, weights: Path
) -> None:
    assert segment_lobes(phantom.volume, phantom.lungs) is None
    with pytest.raises(RefusedInput, match="no weights for the lobe network") as caught:
        segment_lobes(phantom.volume, phantom.lungs, "network")
    assert caught.value.code == "no_weights"


@pytest.mark.parametrize("method", ["network", "geometric"])
@pytest.mark.parametrize("side", [1, 2])
def test_one_lung_gets_the_lobes_of_its_side(
    phantom: ChestPhantom, weights: Path, method: str, side: int
) -> None:
    ship(weights, lobes=height_lobe_network())
    one = np.where(phantom.lungs == side, phantom.lungs, 0).astype(np.uint8)
    found = segment_lobes(phantom.volume, one, method)  # type: ignore[arg-type]
    assert found is not None
    check_sides(found.labels, one)


@pytest.mark.parametrize("method", ["network", "geometric"])
def test_two_slices_have_lobes_too(phantom: ChestPhantom, weights: Path, method: str) -> None:
    ship(weights, lobes=height_lobe_network())
    volume = CTVolume(phantom.volume.hu[12:14], phantom.volume.affine)
    found = segment_lobes(volume, phantom.lungs[12:14], method)  # type: ignore[arg-type]
    assert found is not None
    check_sides(found.labels, phantom.lungs[12:14])
