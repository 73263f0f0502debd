"""Lesions in lungs, lobes and zones on a chest of boxes whose every voxel is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from diagnosis.quantification.counting import count_voxels, voxels_by_value
from diagnosis.quantification.measuring import quantify, quantify_lesions
from diagnosis.quantification.published import VARIANTS, published_percent
from diagnosis.results import LESIONS, LOBES, ZONES, Quantification
from diagnosis.volume import Affine, LabelArray
from tests.phantoms import chest_phantom

# 2 x 3 x 5 mm voxels (x, y, z): 0.03 ml each.
AFFINE: Affine = np.diag([2.0, 3.0, 5.0, 1.0])
VOXEL_ML = 0.03
SHAPE = (30, 40, 80)


@dataclass(frozen=True)
class Chest:
    """Boxes: the right lung is wider, the left one reaches lower and ends lower."""

    lungs: LabelArray
    lobes: LabelArray
    lesions: LabelArray


def box(z: tuple[int, int], y: tuple[int, int], x: tuple[int, int]) -> tuple[slice, slice, slice]:
    return slice(*z), slice(*y), slice(*x)


RIGHT, LEFT = box((6, 27), (5, 35), (4, 36)), box((3, 24), (5, 35), (46, 74))


@pytest.fixture
def chest() -> Chest:
    lungs, lobes, lesions = (np.zeros(SHAPE, np.uint8) for _ in range(3))
    lungs[RIGHT], lungs[LEFT] = 1, 2
    lobes[box((6, 16), (5, 35), (4, 36))] = 3
    lobes[box((16, 27), (5, 20), (4, 36))] = 2
    lobes[box((16, 27), (20, 35), (4, 36))] = 1
    lobes[box((3, 13), (5, 35), (46, 74))] = 5
    lobes[box((13, 24), (5, 35), (46, 74))] = 4
    lesions[box((7, 10), (5, 9), (4, 10))] = 1  # RLL: 72 voxels, at the wall
    lesions[box((20, 22), (21, 24), (30, 34))] = 3  # RUL: 24 voxels, central
    lesions[box((13, 15), (18, 20), (58, 60))] = 2  # LUL: 8 voxels, central
    lesions[box((3, 4), (5, 6), (46, 49))] = 4  # LLL: 3 voxels
    lesions[box((3, 5), (36, 38), (50, 55))] = 10  # effusion behind the left lung: 20 voxels
    lesions[box((23, 24), (10, 11), (10, 15))] = 11  # a nodule in the RML: 5 voxels
    lesions[box((0, 2), (0, 2), (0, 2))] = 1  # outside the lungs
    return Chest(lungs, lobes, lesions)


@pytest.fixture
def measured(chest: Chest) -> Quantification:
    return quantify_lesions(chest.lesions, chest.lungs, chest.lobes, AFFINE)


def test_each_lung_and_lobe_is_measured_to_the_voxel(measured: Quantification) -> None:
    assert measured.right.volume_ml == pytest.approx(21 * 30 * 32 * VOXEL_ML)
    assert measured.left.volume_ml == pytest.approx(21 * 30 * 28 * VOXEL_ML)
    assert measured.right.infected_ml == pytest.approx(96 * VOXEL_ML)
    assert measured.left.infected_ml == pytest.approx(11 * VOXEL_ML)
    assert measured.infected_percent == pytest.approx(100 * 107 / (21 * 30 * 60))
    assert measured.source == "lesions"
    infected = {name: round(lobe.infected_ml / VOXEL_ML) for name, lobe in measured.lobes.items()}
    assert infected == {"RUL": 24, "RML": 0, "RLL": 72, "LUL": 8, "LLL": 3}
    voxels = {name: round(lobe.volume_ml / VOXEL_ML) for name, lobe in measured.lobes.items()}
    assert voxels == {"RUL": 5280, "RML": 5280, "RLL": 9600, "LUL": 9240, "LLL": 8400}


def test_mirrored_lungs_swap_the_sides_and_nothing_else(chest: Chest) -> None:
    swap = np.array([0, 2, 1], np.uint8)
    found = quantify_lesions(chest.lesions, swap[chest.lungs], None, AFFINE)
    straight = quantify_lesions(chest.lesions, chest.lungs, None, AFFINE)
    assert (found.right, found.left) == (straight.left, straight.right)
    assert found.infected_ml == straight.infected_ml


def test_only_infected_values_inside_the_lungs_count(chest: Chest) -> None:
    lesions = np.full(SHAPE, 11, np.uint8)
    assert quantify_lesions(lesions, chest.lungs, None, AFFINE).infected_ml == 0.0
    for value in (1, 2, 3, 4):
        lesions[:] = value
        assert quantify_lesions(lesions, chest.lungs, None, AFFINE).infected_percent == 100.0


def test_types_are_measured_inside_the_lungs_and_effusion_outside(measured: Quantification) -> None:
    voxels = {name: round(ml / VOXEL_ML) for name, ml in measured.types_ml.items()}
    assert voxels == {
        "ground glass": 72, "crazy paving": 8, "consolidation": 24, "other infection": 3,
        "effusion": 20, "nodule": 5,
    }  # fmt: skip


def test_what_was_not_found_is_named_only_when_it_would_be_infected(chest: Chest) -> None:
    found = quantify_lesions(np.zeros(SHAPE, np.uint8), chest.lungs, None, AFFINE)
    assert found.types_ml == dict.fromkeys(list(LESIONS.values())[:4], 0.0)


def test_thirds_follow_each_lung_s_own_height(measured: Quantification) -> None:
    """21 slices each: right 6-12, 13-19, 20-26, left 3-9, 10-16, 17-23."""
    per_third = 7 * 30 * 60 * VOXEL_ML
    assert [measured.zones[name].volume_ml for name in ("upper", "middle", "lower")] == [
        pytest.approx(per_third)
    ] * 3
    infected = [round(measured.zones[name].infected_ml / VOXEL_ML) for name in ("upper", "middle", "lower")]
    assert infected == [24, 8, 75]


@pytest.mark.parametrize(
    ("height", "thirds"), [(1, (0, 1, 0)), (2, (1, 0, 1)), (4, (1, 2, 1)), (5, (2, 1, 2))]
)
def test_a_slice_belongs_to_the_third_of_its_middle(height: int, thirds: tuple[int, int, int]) -> None:
    lungs = np.zeros((9, 4, 4), np.uint8)
    lungs[2 : 2 + height, 1, 1] = 1
    zones = quantify_lesions(np.zeros_like(lungs), lungs, None, AFFINE).zones
    found = tuple(round(zones[name].volume_ml / VOXEL_ML) for name in ("lower", "middle", "upper"))
    assert found == thirds


def test_rim_and_centre_make_the_lungs_and_only_the_chest_wall_has_a_rim(measured: Quantification) -> None:
    rim, centre = measured.zones["subpleural"], measured.zones["central"]
    assert tuple(measured.zones) == ZONES
    assert rim.volume_ml + centre.volume_ml == pytest.approx(21 * 30 * 60 * VOXEL_ML)
    # Where both lungs are, x 4 and 73 and y 5 and 34 are the outline: 20 mm are 10 columns and 6.7 rows.
    assert round(rim.infected_ml / VOXEL_ML) == 72 + 3
    assert round(centre.infected_ml / VOXEL_ML) == 24 + 8
    shared = 18 * (16 * 22 + 16 * 18)  # slices 6-23, rows 12-27, columns 14-35 and 46-63
    right_alone = 3 * 16 * 12  # slices 24-26, columns 14-25: its inner side is outline too
    left_alone = 3 * 16 * 8  # slices 3-5, columns 56-63
    assert round(centre.volume_ml / VOXEL_ML) == shared + right_alone + left_alone


def test_severity_is_scored_per_lobe(measured: Quantification) -> None:
    assert measured.severity_scores == {"RUL": 1, "RML": 0, "RLL": 1, "LUL": 1, "LLL": 1}


def test_a_lobe_that_is_not_there_has_no_score(chest: Chest) -> None:
    gone = (chest.lungs == 1) & (chest.lobes == 2)
    chest.lungs[gone] = 0
    chest.lobes[gone] = 0
    found = quantify_lesions(chest.lesions, chest.lungs, chest.lobes, AFFINE)
    assert set(found.severity_scores) == {"RUL", "RLL", "LUL", "LLL"}
    assert found.lobes["RML"].volume_ml == 0.0


def test_without_lobes_there_are_no_lobes_and_no_scores(chest: Chest) -> None:
    found = quantify_lesions(chest.lesions, chest.lungs, None, AFFINE)
    assert (found.lobes, found.severity_scores) == ({}, {})
    assert set(found.zones) == set(ZONES)


def test_lesions_of_a_phantom_chest_are_its_truth() -> None:
    phantom = chest_phantom()
    lesions = (phantom.ground_glass + 3 * phantom.consolidation.astype(np.uint8)).astype(np.uint8)
    found = quantify_lesions(lesions, phantom.lungs, None, phantom.volume.affine)
    assert found.right.infected_ml == pytest.approx(phantom.ground_glass_ml)
    assert found.left.infected_ml == pytest.approx(phantom.consolidation_ml)
    assert found.infected_percent == pytest.approx(phantom.infected_percent)
    assert found.zones["lower"].infected_ml > found.zones["middle"].infected_ml > 0
    assert found.zones["upper"].infected_ml == pytest.approx(phantom.consolidation_ml, rel=0.5)
    density = quantify(lesions > 0, phantom.lungs, phantom.volume.voxel_ml, "density")
    assert (density.right, density.left) == (found.right, found.left)
    assert density.slice_evidence == found.slice_evidence


def test_values_that_are_no_labels_and_wrong_sides_are_refused(chest: Chest) -> None:
    with pytest.raises(ValueError, match="not on one grid"):
        count_voxels(chest.lesions, chest.lungs[1:])
    with pytest.raises(ValueError, match=r"lobes .* not on one grid"):
        count_voxels(chest.lesions, chest.lungs, chest.lobes[1:])
    with pytest.raises(ValueError, match="lesions hold the value 14"):
        count_voxels(np.where(chest.lesions == 11, np.uint8(14), chest.lesions), chest.lungs)
    with pytest.raises(ValueError, match="lungs hold the value 3"):
        count_voxels(chest.lesions, np.where(chest.lungs == 1, np.uint8(3), chest.lungs))
    with pytest.raises(ValueError, match="other side"):
        count_voxels(chest.lesions, chest.lungs, np.where(chest.lobes == 3, np.uint8(5), chest.lobes))


def test_every_voxel_is_counted_once(chest: Chest) -> None:
    counts = count_voxels(chest.lesions, chest.lungs, chest.lobes, (5.0, 3.0, 2.0))
    assert counts.sum() == chest.lungs.size
    np.testing.assert_array_equal(counts.sum(axis=(0, 1, 2, 3)), voxels_by_value(chest.lesions)[:14])
    np.testing.assert_array_equal(counts.sum(axis=(0, 2, 3, 4)), voxels_by_value(chest.lungs)[:3])
    assert set(LOBES) == set(np.flatnonzero(counts.sum(axis=(0, 1, 3, 4)))) - {0}


def test_the_definitions_of_papers_differ_as_printed(chest: Chest) -> None:
    lungs = 21 * 30 * 60
    assert published_percent(chest.lesions, chest.lungs, "ours") == pytest.approx(100 * 107 / lungs)
    assert published_percent(chest.lesions, chest.lungs, "icovid") == pytest.approx(100 * 115 / lungs)
    patchwise = published_percent(chest.lesions, chest.lungs, "patchwise")
    assert patchwise == pytest.approx(100 * 83 / (lungs - 24))
    assert [published_percent(chest.lesions, chest.lungs * np.uint8(0), name) for name in VARIANTS] == [0] * 3
    with pytest.raises(ValueError, match="no definition tarot"):
        published_percent(chest.lesions, chest.lungs, "tarot")  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(4))
def test_random_labels_give_what_plain_masks_give(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lungs = rng.integers(0, 3, (9, 12, 14)).astype(np.uint8)
    lobes = np.where(lungs == 1, rng.integers(0, 4, lungs.shape), 0).astype(np.uint8)
    lobes[lungs == 2] = rng.choice(np.array([0, 4, 5], np.uint8), int((lungs == 2).sum()))
    lesions = rng.integers(0, 14, lungs.shape).astype(np.uint8)
    found = quantify_lesions(lesions, lungs, lobes, AFFINE)
    infected = (lesions >= 1) & (lesions <= 4)
    for share, mask in (
        (found.right, lungs == 1),
        (found.left, lungs == 2),
        *((found.lobes[name], (lobes == value) & (lungs > 0)) for value, name in LOBES.items()),
    ):
        assert share.volume_ml == pytest.approx(mask.sum() * VOXEL_ML)
        assert share.infected_ml == pytest.approx((mask & infected).sum() * VOXEL_ML)
        assert share.infected_percent == pytest.approx(100 * (mask & infected).sum() / mask.sum())
    for value, name in LESIONS.items():
        mask = (lungs == 0) if value == 10 else (lungs > 0)
        assert found.types_ml[name] == pytest.approx(((lesions == value) & mask).sum() * VOXEL_ML)
