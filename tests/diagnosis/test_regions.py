"""Regions of heatmaps whose every number is known beforehand."""

from __future__ import annotations

import numpy as np
import pytest

from diagnosis.regions import on_series_grid, regions_of, side_of, union_of
from diagnosis.results import Heatmap
from diagnosis.volume import Affine, FloatArray, LabelArray

# 2 x 3 x 5 mm voxels (x, y, z), first voxel centre at (-10, 20, 100): 0.03 ml each.
AFFINE: Affine = np.array([[2, 0, 0, -10], [0, 3, 0, 20], [0, 0, 5, 100], [0, 0, 0, 1]], np.float64)


def heatmap(values: FloatArray, affine: Affine = AFFINE, reference: float = 2.0) -> Heatmap:
    return Heatmap("infected", "density", values * np.float32(reference), affine, reference, threshold=0.5)


@pytest.fixture
def values() -> FloatArray:
    """A block of 3 x 2 x 4 voxels at 0.8 on the right, one of 2 x 2 x 2 at 0.6 on the left, a speck."""
    heat = np.zeros((10, 12, 20), np.float32)
    heat[2:5, 3:5, 1:5] = 0.8
    heat[6:8, 8:10, 15:17] = 0.6
    heat[9, 0, 19] = 0.9
    return heat


@pytest.fixture
def lungs() -> LabelArray:
    labels = np.zeros((10, 12, 20), np.uint8)
    labels[:, 1:11, :9] = 1
    labels[:, 1:11, 10:] = 2
    return labels


def test_regions_are_named_by_size_and_measured_exactly(values: FloatArray, lungs: LabelArray) -> None:
    first, second = regions_of(heatmap(values), lungs, AFFINE, smallest_ml=0.1)
    assert (first.id, second.id) == ("R1", "R2")
    assert first.volume_ml == pytest.approx(24 * 0.03)
    assert second.volume_ml == pytest.approx(8 * 0.03)
    assert (first.side, second.side) == ("right", "left")
    assert first.evidence == pytest.approx(0.8)
    assert first.origin == (2, 3, 1)
    assert first.mask.shape == (3, 2, 4)
    assert first.lobe is None


def test_boxes_reach_the_outer_faces_in_lps_mm(values: FloatArray, lungs: LabelArray) -> None:
    first = regions_of(heatmap(values), lungs, AFFINE, smallest_ml=0.1)[0]
    assert first.box_mm == pytest.approx((-9.0, 27.5, 107.5, -1.0, 33.5, 122.5))


def test_the_centre_lies_inside_the_mask(lungs: LabelArray) -> None:
    ring = np.zeros((10, 12, 20), np.float32)
    ring[5, 2:9, 2:9] = 1.0
    ring[5, 3:8, 3:8] = 0.0
    region = regions_of(heatmap(ring), lungs, AFFINE, smallest_ml=0.0)[0]
    x, y, z = region.centre_mm
    index = (round((z - 100) / 5), round((y - 20) / 3), round((x + 10) / 2))
    assert ring[index] == 1.0


def test_what_is_smaller_than_the_smallest_volume_is_no_region(values: FloatArray, lungs: LabelArray) -> None:
    assert len(regions_of(heatmap(values), lungs, AFFINE, smallest_ml=0.0)) == 3
    assert len(regions_of(heatmap(values), lungs, AFFINE, smallest_ml=0.3)) == 1


def test_the_threshold_is_on_the_scale_of_the_reference(values: FloatArray, lungs: LabelArray) -> None:
    weak = heatmap(values * np.float32(0.49 / 0.8))
    assert [region.evidence for region in regions_of(weak, lungs, AFFINE, 0.0)] == [
        pytest.approx(0.551, abs=1e-3)
    ]


def test_touching_only_at_an_edge_is_two_regions(lungs: LabelArray) -> None:
    heat = np.zeros((10, 12, 20), np.float32)
    heat[4, 4, 4] = heat[5, 5, 4] = 1.0
    regions = regions_of(heatmap(heat), lungs, AFFINE, smallest_ml=0.0)
    assert [region.origin for region in regions] == [(5, 5, 4), (4, 4, 4)]


def test_an_empty_heatmap_has_no_region(lungs: LabelArray) -> None:
    assert regions_of(heatmap(np.zeros((10, 12, 20), np.float32)), lungs, AFFINE, 0.0) == []


def test_the_union_holds_every_region_and_nothing_else(values: FloatArray, lungs: LabelArray) -> None:
    regions = regions_of(heatmap(values), lungs, AFFINE, smallest_ml=0.1)
    np.testing.assert_array_equal(union_of(regions, (10, 12, 20)), (values > 0.5) & (lungs > 0))


def test_sides_are_decided_by_the_majority_of_lung_voxels() -> None:
    assert side_of(np.array([1, 1, 2, 0, 0, 0], np.uint8)) == "right"
    assert side_of(np.array([1, 2, 2], np.uint8)) == "left"
    assert side_of(np.array([1, 2], np.uint8)) == "both"
    assert side_of(np.array([0, 0], np.uint8)) == "outside"


def test_a_coarse_heatmap_is_brought_to_the_series_grid_by_half_pixels() -> None:
    """Blocks of two: a linear ramp over block centres is the same ramp over voxel centres."""
    coarse_affine = AFFINE.copy()
    coarse_affine[:3, :3] *= 2
    coarse_affine[:3, 3] += [1.0, 1.5, 2.5]
    ramp = np.broadcast_to(np.arange(6, dtype=np.float32) * 2 + 0.5, (4, 5, 6)).copy()
    fine = on_series_grid(heatmap(ramp, coarse_affine, reference=1.0), AFFINE, (8, 10, 12))
    np.testing.assert_allclose(fine[3, 4, 1:-1], np.arange(1, 11), rtol=1e-6)


def test_regions_of_a_coarse_heatmap_equal_the_upsampled_map_above_the_threshold() -> None:
    coarse_affine = AFFINE.copy()
    coarse_affine[:3, :3] *= 3
    coarse_affine[:3, 3] += [2.0, 3.0, 5.0]
    heat = np.zeros((5, 6, 7), np.float32)
    heat[2:4, 2:4, 3:5] = 1.0
    lungs = np.ones((15, 18, 21), np.uint8)
    (region,) = regions_of(heatmap(heat, coarse_affine), lungs, AFFINE, smallest_ml=0.0)
    above = on_series_grid(heatmap(heat, coarse_affine), AFFINE, (15, 18, 21)) >= 0.5 * 2.0
    np.testing.assert_array_equal(union_of([region], (15, 18, 21)), above)
    assert region.volume_ml == pytest.approx(above.sum() * 0.03)
