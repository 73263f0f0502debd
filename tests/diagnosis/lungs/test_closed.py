"""The closed lungs on phantoms whose truth is known, and on what shows no lungs."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from diagnosis.geometry import RefusedInput
from diagnosis.lungs.closed import closed_lungs
from diagnosis.volume import CTVolume, LabelArray
from tests.phantoms import ChestPhantom, abdomen_phantom, chest_phantom


def dice(found: LabelArray, truth: LabelArray, side: int) -> float:
    return float(
        2 * ((found == side) & (truth == side)).sum() / ((found == side).sum() + (truth == side).sum())
    )


@pytest.fixture(scope="module")
def phantom() -> ChestPhantom:
    return chest_phantom()


def with_hu(phantom: ChestPhantom, where: NDArray[np.bool_], hu: int) -> CTVolume:
    values = phantom.volume.hu.copy()
    values[where] = hu
    return CTVolume(values, phantom.volume.affine)


def test_each_lung_is_found_on_its_side(phantom: ChestPhantom) -> None:
    found = closed_lungs(phantom.volume)
    assert dice(found, phantom.lungs, 1) > 0.99
    assert dice(found, phantom.lungs, 2) > 0.99


@pytest.mark.parametrize(("slices", "size"), [(112, 192), (24, 128)])
def test_other_voxel_sizes_give_the_same_lungs(slices: int, size: int) -> None:
    phantom = chest_phantom(slices=slices, size=size, rows=size)
    found = closed_lungs(phantom.volume)
    assert dice(found, phantom.lungs, 1) > 0.98
    assert dice(found, phantom.lungs, 2) > 0.98


def test_consolidation_inside_the_lung_stays_in_the_mask(phantom: ChestPhantom) -> None:
    found = closed_lungs(phantom.volume)
    assert (found[phantom.consolidation] == 2).mean() > 0.97
    assert (found[phantom.ground_glass] == 1).mean() > 0.97


def test_consolidation_at_the_chest_wall_stays_in_the_mask(phantom: ChestPhantom) -> None:
    """A lens of soft tissue at the posterior wall of the right lung, 40 mm wide and up to 14 mm deep."""
    z, y, x = np.indices(phantom.lungs.shape)
    posterior = np.flatnonzero((phantom.lungs[28] == 1)[:, 25])[-1]
    lens = (np.abs(z - 28) < 5) & (np.abs(x - 25) < 6) & (y > posterior - 4) & (phantom.lungs == 1)
    assert lens.sum() > 100
    found = closed_lungs(with_hu(phantom, lens, 40))
    assert (found[lens] == 1).mean() > 0.7
    assert dice(found, phantom.lungs, 1) > 0.98


def test_lungs_that_touch_are_parted(phantom: ChestPhantom) -> None:
    """A bridge of lung, 14 mm high and 14 mm deep, through the mediastinum."""
    z, y, _ = np.indices(phantom.lungs.shape)
    columns = np.zeros(phantom.lungs.shape, bool)
    columns[:, :, 40:56] = True
    bridge = (np.abs(z - 30) < 2) & (np.abs(y - 32) < 2) & columns & (phantom.lungs == 0)
    found = closed_lungs(with_hu(phantom, bridge, -850))
    assert dice(found, phantom.lungs, 1) > 0.98
    assert dice(found, phantom.lungs, 2) > 0.98


def test_gas_in_the_bowel_is_no_lung(phantom: ChestPhantom) -> None:
    gas = np.zeros(phantom.lungs.shape, bool)
    gas[0:2, 30:45, 52:70] = True
    found = closed_lungs(with_hu(phantom, gas & (phantom.lungs == 0), -995))
    assert not found[gas & (phantom.lungs == 0)].any()


def test_the_trachea_is_no_lung(phantom: ChestPhantom) -> None:
    found = closed_lungs(phantom.volume)
    trachea = (phantom.volume.hu < -950) & (phantom.lungs == 0)
    trachea[:, :20] = trachea[:, 60:] = trachea[:, :, :40] = trachea[:, :, 60:] = False
    assert trachea.sum() > 50
    assert not found[trachea].any()


@pytest.mark.parametrize("room_air", [-1000, -949])
def test_a_field_of_view_that_cuts_the_chest_keeps_the_lungs(phantom: ChestPhantom, room_air: int) -> None:
    """Some scanners call room air -949: it must not pass for lung where the body touches the border."""
    inner = (slice(None), slice(None), slice(16, 80))
    outside = (phantom.volume.hu < -900) & (phantom.lungs == 0)
    cut = with_hu(phantom, outside, room_air)
    truth = phantom.lungs[inner]
    found = closed_lungs(CTVolume(np.ascontiguousarray(cut.hu[inner]), cut.affine))
    assert dice(found, truth, 1) > 0.95
    assert dice(found, truth, 2) > 0.95


def test_a_round_field_of_view_that_cuts_the_chest_keeps_the_lungs(phantom: ChestPhantom) -> None:
    _, y, x = np.indices(phantom.lungs.shape)
    outside = np.asarray((y - 40) ** 2 + (x - 48) ** 2 > 35**2)
    truth = np.where(outside, 0, phantom.lungs)
    found = closed_lungs(with_hu(phantom, outside, -2000))
    assert dice(found, truth, 1) > 0.95
    assert dice(found, truth, 2) > 0.95


def test_a_single_lung_is_found_on_its_side(phantom: ChestPhantom) -> None:
    found = closed_lungs(with_hu(phantom, phantom.lungs == 2, 40))
    assert dice(found, phantom.lungs, 1) > 0.97
    assert (found == 2).sum() < 0.05 * (phantom.lungs == 2).sum()


@pytest.mark.parametrize("kind", ["abdomen", "noise", "air", "solid"])
def test_what_shows_no_lungs_is_refused_in_words(kind: str) -> None:
    rng = np.random.default_rng(0)
    shape = (24, 64, 64)
    hu = {
        "abdomen": abdomen_phantom().hu,
        "noise": rng.normal(-300, 400, shape).clip(-1024, 2000).astype(np.int16),
        "air": np.full(shape, -1000, np.int16),
        "solid": np.full(shape, 40, np.int16),
    }[kind]
    with pytest.raises(RefusedInput, match="No lungs found") as refusal:
        closed_lungs(CTVolume(hu, np.diag([3.0, 3.0, 4.0, 1.0])))
    assert refusal.value.code == "no_lungs"


def test_a_head_with_air_in_its_cavities_has_no_lungs() -> None:
    z, y, x = np.mgrid[:48, :64, :64] * 4.0 - 126.0
    hu = np.full(z.shape, -1000, np.int16)
    hu[(z / 95) ** 2 + (y / 95) ** 2 + (x / 75) ** 2 < 1] = 40
    hu[(z + 20) ** 2 + (y + 40) ** 2 + x**2 < 28**2] = -1000
    with pytest.raises(RefusedInput, match="No lungs found"):
        closed_lungs(CTVolume(hu, np.diag([4.0, 4.0, 4.0, 1.0])))
