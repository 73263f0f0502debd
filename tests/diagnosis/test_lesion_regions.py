"""Regions of heatmaps with a seed, of lesion segmentations, their lobes, and how they split and merge."""

from __future__ import annotations

import numpy as np
import pytest

from diagnosis.quantification.measuring import quantify_lesions
from diagnosis.regions import regions_if_positive, regions_of, regions_of_lesions, union_of, with_lobes
from diagnosis.results import Heatmap, Region
from diagnosis.volume import Affine, FloatArray, LabelArray

# 2 x 3 x 5 mm voxels (x, y, z), first voxel centre at (-10, 20, 100): 0.03 ml each.
AFFINE: Affine = np.array([[2, 0, 0, -10], [0, 3, 0, 20], [0, 0, 5, 100], [0, 0, 0, 1]], np.float64)
SHAPE = (12, 14, 24)


def heatmap(values: FloatArray) -> Heatmap:
    return Heatmap("COVID-19", "lrp", values * np.float32(4), AFFINE, reference=4.0, threshold=0.5)


def ids(regions: list[Region]) -> dict[str, tuple[int, int, int]]:
    return {region.id: region.origin for region in regions}


@pytest.fixture
def lungs() -> LabelArray:
    labels = np.zeros(SHAPE, np.uint8)
    labels[:, 1:13, 1:11], labels[:, 1:13, 13:23] = 1, 2
    return labels


@pytest.fixture
def lobes(lungs: LabelArray) -> LabelArray:
    labels = np.where(lungs == 1, 3, np.where(lungs == 2, 5, 0)).astype(np.uint8)
    labels[6:][lungs[6:] == 1] = 1
    labels[6:][lungs[6:] == 2] = 4
    return labels


@pytest.fixture
def lesions() -> LabelArray:
    """30 voxels right below (27 ground glass, 3 consolidation), 8 left above, one speck, one nodule."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[1:4, 3:5, 2:7] = 1
    labels[1:4, 3, 2] = 3
    labels[8:10, 6:8, 15:17] = 4
    labels[11, 11, 20] = 2
    labels[6, 6, 3:6] = 11
    return labels


def test_only_components_that_reach_the_seed_are_regions_and_none_below_the_threshold(
    lungs: LabelArray,
) -> None:
    heat = np.zeros(SHAPE, np.float32)
    heat[2:4, 3:6, 2:8] = 0.55
    heat[3, 4, 4] = 0.9
    heat[8:10, 3:6, 14:20] = 0.6
    heat[8:10, 6, 14:20] = 0.49
    both = regions_of(heatmap(heat), lungs, AFFINE, 0.0)
    assert len(both) == 2
    (seeded,) = regions_of(heatmap(heat), lungs, AFFINE, 0.0, seed=0.7)
    assert seeded.origin == (2, 3, 2)
    np.testing.assert_array_equal(union_of([seeded], SHAPE)[2:4, 3:6, 2:8], True)
    assert seeded.volume_ml == pytest.approx(36 * 0.03)
    assert seeded.evidence == pytest.approx((35 * 0.55 + 0.9) / 36)
    assert regions_of(heatmap(heat), lungs, AFFINE, 0.0, seed=0.95) == []


def test_a_seed_below_the_threshold_is_refused(lungs: LabelArray) -> None:
    with pytest.raises(ValueError, match="below the threshold"):
        regions_of(heatmap(np.zeros(SHAPE, np.float32)), lungs, AFFINE, 0.0, seed=0.4)


def test_a_class_below_its_operating_point_has_no_region_and_says_so(lungs: LabelArray) -> None:
    heat = np.zeros(SHAPE, np.float32)
    heat[2:4, 3:6, 2:8] = 1.0
    shown = heatmap(heat)
    regions, said = regions_if_positive(shown, lungs, AFFINE, 0.0, probability=0.4, operating_point=0.4)
    assert (len(regions), said) == (1, None)
    regions, said = regions_if_positive(shown, lungs, AFFINE, 0.0, probability=0.39, operating_point=0.4)
    assert (regions, said) == ([], "COVID-19: no region: predicted negative.")


def test_a_bridge_below_the_threshold_splits_a_region_and_one_above_merges_it(lungs: LabelArray) -> None:
    heat = np.zeros(SHAPE, np.float32)
    heat[3, 3:6, 2:5] = heat[3, 3:6, 7:9] = 0.8
    heat[3, 4, 5:7] = 0.5
    (merged,) = regions_of(heatmap(heat), lungs, AFFINE, 0.0)
    assert merged.mask.sum() == 9 + 6 + 2
    heat[3, 4, 6] = 0.499
    first, second = regions_of(heatmap(heat), lungs, AFFINE, 0.0)
    assert (first.mask.sum(), second.mask.sum()) == (9 + 1, 6)
    assert (first.id, second.id) == ("R1", "R2")
    assert not (union_of([first], SHAPE) & union_of([second], SHAPE)).any()


def test_lesion_regions_are_the_components_of_all_infected_values(
    lesions: LabelArray, lungs: LabelArray, lobes: LabelArray
) -> None:
    first, second, third = regions_of_lesions(lesions, lungs, AFFINE, smallest_ml=0.0, lobes=lobes)
    assert [region.class_name for region in (first, second, third)] == [
        "ground glass", "other infection", "crazy paving",
    ]  # fmt: skip
    assert [region.side for region in (first, second, third)] == ["right", "left", "left"]
    assert [region.lobe for region in (first, second, third)] == ["RLL", "LUL", "LUL"]
    assert [region.evidence for region in (first, second, third)] == [1.0, 1.0, 1.0]
    assert first.volume_ml == pytest.approx(30 * 0.03)
    assert first.origin == (1, 3, 2)
    assert first.box_mm == pytest.approx((-7.0, 27.5, 102.5, 3.0, 33.5, 117.5))


def test_small_lesions_are_no_regions(lesions: LabelArray, lungs: LabelArray) -> None:
    assert [region.mask.sum() for region in regions_of_lesions(lesions, lungs, AFFINE)] == [30]
    assert len(regions_of_lesions(lesions, lungs, AFFINE, smallest_ml=0.1)) == 2


def test_without_a_smallest_volume_regions_add_up_to_the_infected_volume(
    lesions: LabelArray, lungs: LabelArray
) -> None:
    lesions[4, 4, 10:14] = 1  # leaves the lung half way
    regions = regions_of_lesions(lesions, lungs, AFFINE, smallest_ml=0.0)
    measured = quantify_lesions(lesions, lungs, None, AFFINE)
    assert sum(region.volume_ml for region in regions) == pytest.approx(measured.infected_ml)
    inside = (lesions >= 1) & (lesions <= 4) & (lungs > 0)
    np.testing.assert_array_equal(union_of(regions, SHAPE), inside)


def test_the_evidence_of_a_lesion_is_its_mean_probability(lesions: LabelArray, lungs: LabelArray) -> None:
    infection = np.full(SHAPE, 25, np.uint8)
    infection[1:4, 3:5, 2:7] = 153
    infection[1, 3, 2] = 255
    regions = regions_of_lesions(lesions, lungs, AFFINE, smallest_ml=0.3, infection=infection)
    assert [region.evidence for region in regions] == [pytest.approx((29 * 0.6 + 1.0) / 30)]


def test_the_lobe_is_that_of_most_voxels_and_absent_outside(lungs: LabelArray, lobes: LabelArray) -> None:
    heat = np.zeros(SHAPE, np.float32)
    heat[4:7, 3:5, 3:5] = 1.0  # two slices in the RLL, one in the RUL
    heat[10, 0, 2:4] = 1.0  # outside the lungs
    regions = regions_of(heatmap(heat), lungs, AFFINE, 0.0, lobes=lobes)
    assert [(region.side, region.lobe) for region in regions] == [("right", "RLL"), ("outside", None)]
    unknown = regions_of(heatmap(heat), lungs, AFFINE, 0.0)
    assert [region.lobe for region in unknown] == [None, None]
    assert [region.lobe for region in with_lobes(unknown, lobes)] == ["RLL", None]


def test_names_are_the_same_in_every_run_and_after_small_changes(
    lesions: LabelArray, lungs: LabelArray
) -> None:
    first = ids(regions_of_lesions(lesions, lungs, AFFINE, smallest_ml=0.0))
    assert ids(regions_of_lesions(lesions.copy(), lungs, AFFINE, smallest_ml=0.0)) == first
    lesions[1, 5, 2:4] = 1
    lesions[8, 8, 15] = 4
    assert ids(regions_of_lesions(lesions, lungs, AFFINE, smallest_ml=0.0)) == first


def test_regions_of_one_size_are_named_from_the_top(lungs: LabelArray) -> None:
    lesions = np.zeros(SHAPE, np.uint8)
    lesions[2:4, 3:5, 14:16] = lesions[8:10, 3:5, 14:16] = lesions[8:10, 3:5, 3:5] = 1
    regions = regions_of_lesions(lesions, lungs, AFFINE, smallest_ml=0.0)
    assert [region.origin for region in regions] == [(8, 3, 3), (8, 3, 14), (2, 3, 14)]


def test_lungs_without_lesions_have_no_regions(lungs: LabelArray) -> None:
    assert regions_of_lesions(np.zeros(SHAPE, np.uint8), lungs, AFFINE) == []
