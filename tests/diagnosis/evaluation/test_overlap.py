"""Overlap and surfaces of masks whose every number is known beforehand."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from diagnosis.evaluation.overlap import joint_counts, overlap_by_label, overlap_of, overlap_of_masks
from diagnosis.evaluation.surfaces import surface_distances
from diagnosis.results import INFECTED_VALUES, LOBES
from diagnosis.volume import BoolArray

VOXEL_ML = 0.5


def box(*spans: tuple[int, int], shape: tuple[int, int, int] = (10, 12, 14)) -> BoolArray:
    mask = np.zeros(shape, bool)
    mask[tuple(slice(*span) for span in spans)] = True
    return mask


def test_two_boxes_by_hand() -> None:
    found = overlap_of_masks(box((0, 4), (0, 4), (0, 4)), box((2, 4), (0, 4), (0, 8)), VOXEL_ML)
    assert (found.predicted_ml, found.truth_ml, found.shared_ml) == (32, 32, 16)
    assert found.dice == pytest.approx(0.5)
    assert found.jaccard == pytest.approx(1 / 3)
    assert (found.volume_error_ml, found.volume_error_percent) == (0, 0)


def test_volume_error_has_a_sign() -> None:
    found = overlap_of_masks(box((0, 1), (0, 1), (0, 3)), box((0, 1), (0, 1), (0, 4)), VOXEL_ML)
    assert (found.volume_error_ml, found.volume_error_percent) == (-0.5, -25)


def test_empty_masks() -> None:
    nothing, something = box((0, 0), (0, 0), (0, 0)), box((0, 1), (0, 1), (0, 2))
    none = overlap_of_masks(nothing, nothing, VOXEL_ML)
    assert (none.dice, none.jaccard, none.volume_error_percent) == (None, None, None)
    missed = overlap_of_masks(nothing, something, VOXEL_ML)
    assert (missed.dice, missed.volume_error_percent) == (0, -100)
    invented = overlap_of_masks(something, nothing, VOXEL_ML)
    assert (invented.dice, invented.volume_error_ml, invented.volume_error_percent) == (0, 1, None)
    assert surface_distances(nothing, something, (1, 1, 1)) is None
    assert surface_distances(something, nothing, (1, 1, 1)) is None


def test_each_label_and_sets_of_labels() -> None:
    truth = np.array([[[1, 1, 3, 3, 11, 0]]], np.uint8)
    predicted = np.array([[[1, 3, 3, 1, 0, 11]]], np.uint8)
    counts = joint_counts(predicted, truth)
    found = overlap_by_label(counts, {1: "ground glass", 3: "consolidation", 2: "crazy paving"}, VOXEL_ML)
    assert found["ground glass"].dice == pytest.approx(0.5)
    assert found["consolidation"].dice == pytest.approx(0.5)
    assert found["crazy paving"].dice is None
    together = overlap_of(counts, INFECTED_VALUES, VOXEL_ML)
    assert together.dice == 1.0  # the infected voxels are the same ones, only their types differ
    assert overlap_of(counts, [11], VOXEL_ML).dice == 0


def test_swapped_sides_do_not_pass_as_lobes() -> None:
    truth = np.repeat(np.array([1, 2, 3, 4, 5], np.uint8), 4).reshape(1, 5, 4)
    found = overlap_by_label(joint_counts(truth[:, ::-1], truth), LOBES, VOXEL_ML)
    assert [found[name].dice for name in ("RUL", "RML", "RLL", "LUL", "LLL")] == [0, 0, 1, 0, 0]


def test_ignored_voxels_count_nowhere() -> None:
    truth, predicted = box((0, 2), (0, 2), (0, 2)), box((0, 2), (0, 2), (0, 4))
    found = overlap_of_masks(predicted, truth, VOXEL_ML, ignore=box((0, 10), (0, 12), (2, 14)))
    assert (found.dice, found.predicted_ml, found.truth_ml) == (1, 4, 4)


def test_other_grids_and_types_are_refused() -> None:
    one, other = np.zeros((2, 3, 4), np.uint8), np.zeros((2, 4, 3), np.uint8)
    with pytest.raises(ValueError, match="not on one grid"):
        joint_counts(one, other)
    with pytest.raises(ValueError, match="not on one grid"):
        surface_distances(one > 0, other > 0, (1, 1, 1))
    with pytest.raises(ValueError, match="uint8"):
        joint_counts(one, one.astype(np.int16))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="spacing"):
        surface_distances(one > 0, one > 0, (1, 0, 1))


def masks() -> st.SearchStrategy[tuple[BoolArray, BoolArray]]:
    seeds = st.integers(0, 10_000)
    return st.tuples(seeds, st.floats(0.02, 0.9), st.floats(0.02, 0.9)).map(_random_masks)


def _random_masks(drawn: tuple[int, float, float]) -> tuple[BoolArray, BoolArray]:
    seed, first, second = drawn
    rng = np.random.default_rng(seed)
    shape = (4, 5, 6)
    return rng.uniform(size=shape) < first, rng.uniform(size=shape) < second


@settings(max_examples=40, deadline=None)
@given(masks())
def test_dice_and_jaccard_agree_with_sets(pair: tuple[BoolArray, BoolArray]) -> None:
    first, second = pair
    found = overlap_of_masks(first, second, VOXEL_ML)
    shared, union = (first & second).sum(), (first | second).sum()
    if not union:
        assert found.dice is None
        return
    assert found.jaccard == pytest.approx(shared / union)
    assert found.dice == pytest.approx(2 * shared / (first.sum() + second.sum()))
    assert found.dice == overlap_of_masks(second, first, VOXEL_ML).dice


def test_a_shifted_plate_lies_as_far_as_it_was_shifted() -> None:
    """One slice thick, so every voxel is surface; three slices of 2.5 mm apart."""
    low, high = box((2, 3), (2, 8), (2, 8)), box((5, 6), (2, 8), (2, 8))
    found = surface_distances(low, high, (2.5, 0.7, 0.7))
    assert found is not None
    assert found.mean == pytest.approx(7.5)
    assert found.hausdorff == found.hausdorff_95 == pytest.approx(7.5)
    assert found.surface_dice(7.4) == 0
    assert found.surface_dice(7.5) == 1


def test_each_axis_has_its_own_spacing() -> None:
    first = box((4, 5), (4, 5), (4, 5))
    for axis, expected in enumerate((2.5, 0.5, 0.8)):
        found = surface_distances(first, np.roll(first, 1, axis=axis), (2.5, 0.5, 0.8))
        assert found is not None
        assert found.mean == pytest.approx(expected)


def test_a_few_stray_voxels_move_the_maximum_and_not_the_95th_percentile() -> None:
    truth = box((2, 8), (2, 10), (2, 10))
    predicted = truth.copy()
    predicted[9, 11, 13] = True
    found = surface_distances(predicted, truth, (1, 1, 1))
    assert found is not None
    assert found.hausdorff == pytest.approx(np.sqrt(2**2 + 2**2 + 4**2))
    assert found.hausdorff_95 == 0
    assert found.surface_dice(1) == pytest.approx(1 - 1 / (2 * len(found.truth_to_predicted) + 1))


def test_a_mask_at_the_rim_of_the_volume_has_a_surface_there() -> None:
    whole = np.ones((3, 3, 3), bool)
    found = surface_distances(whole, whole, (1, 1, 1))
    assert found is not None
    assert len(found.predicted_to_truth) == 26
    assert found.mean == 0


@settings(max_examples=40, deadline=None)
@given(masks())
def test_distances_are_those_of_the_distance_transform(pair: tuple[BoolArray, BoolArray]) -> None:
    spacing = (2.5, 0.7, 0.9)
    found = surface_distances(*pair, spacing)
    first, second = (mask & ~ndimage.binary_erosion(mask) for mask in pair)
    if found is None:
        assert not (first.any() and second.any())
        return
    there = ndimage.distance_transform_edt(~second, sampling=spacing)[first]
    back = ndimage.distance_transform_edt(~first, sampling=spacing)[second]
    np.testing.assert_allclose(np.sort(found.predicted_to_truth), np.sort(there), atol=1e-9)
    np.testing.assert_allclose(np.sort(found.truth_to_predicted), np.sort(back), atol=1e-9)


def test_a_lung_of_full_size_is_compared_in_seconds() -> None:
    z, y, x = np.ogrid[-1:1:100j, -1:1:256j, -1:1:200j]
    truth = z**2 + y**2 + x**2 < 1
    predicted = z**2 + y**2 + x**2 < 0.95
    started = time.process_time()
    assert surface_distances(predicted, truth, (2.5, 0.7, 0.7)) is not None
    assert time.process_time() - started < 5
