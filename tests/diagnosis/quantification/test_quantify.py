"""Volumes and percent by hand-computed cases."""

from __future__ import annotations

import numpy as np
import pytest

from diagnosis.quantification.measuring import quantify
from diagnosis.volume import BoolArray, LabelArray

VOXEL_ML = 0.5


@pytest.fixture
def lungs() -> LabelArray:
    """Right lung of 2 x 4 voxels in slices 0 and 1, left lung of 1 x 4 voxels in the same slices."""
    labels = np.zeros((9, 4, 5), np.uint8)
    labels[0:2, :, 0:2] = 1
    labels[0:2, :, 4] = 2
    return labels


@pytest.fixture
def infected(lungs: LabelArray) -> BoolArray:
    """Four voxels in the right lung, one in the left, three outside the lungs."""
    mask = np.zeros(lungs.shape, bool)
    mask[0, :, 0] = True
    mask[1, 0, 4] = True
    mask[5, 0:3, 2] = True
    return mask


def test_it_counts_ml_and_percent_of_each_lung(lungs: LabelArray, infected: BoolArray) -> None:
    found = quantify(infected, lungs, VOXEL_ML, "density")
    assert (found.right.volume_ml, found.right.infected_ml) == (8.0, 2.0)
    assert (found.left.volume_ml, found.left.infected_ml) == (4.0, 0.5)
    assert found.right.infected_percent == 25.0
    assert found.left.infected_percent == 12.5
    assert found.infected_ml == 2.5
    assert found.infected_percent == pytest.approx(100 * 2.5 / 12)


def test_infected_voxels_outside_the_lungs_do_not_count(lungs: LabelArray, infected: BoolArray) -> None:
    everything = np.ones_like(infected)
    assert quantify(everything, lungs, VOXEL_ML, "density").infected_percent == 100.0
    assert quantify(infected & (lungs == 0), lungs, VOXEL_ML, "density").infected_ml == 0.0


def test_slice_evidence_runs_from_cranial_to_caudal(lungs: LabelArray, infected: BoolArray) -> None:
    evidence = quantify(infected, lungs, VOXEL_ML, "density").slice_evidence
    assert len(evidence) == 9
    assert evidence.index(max(evidence)) == 8
    assert list(evidence) == sorted(evidence)


def test_slice_evidence_is_smoothed_with_a_sigma_of_two_slices() -> None:
    lungs = np.ones((41, 1, 1), np.uint8)
    infected = np.zeros((41, 1, 1), bool)
    infected[20] = True
    evidence = quantify(infected, lungs, VOXEL_ML, "density").slice_evidence
    assert sum(evidence) == pytest.approx(VOXEL_ML)
    assert evidence[20] == pytest.approx(VOXEL_ML / (2 * np.sqrt(2 * np.pi)), rel=0.01)
    assert evidence[22] / evidence[20] == pytest.approx(np.exp(-0.5), rel=0.01)


def test_slice_evidence_of_both_sides_adds_up(lungs: LabelArray, infected: BoolArray) -> None:
    found = quantify(infected, lungs, VOXEL_ML, "density")
    both = np.add(found.slice_evidence_right, found.slice_evidence_left)
    np.testing.assert_allclose(both, found.slice_evidence)
    assert sum(found.slice_evidence_right) > sum(found.slice_evidence_left)


def test_a_missing_lung_has_no_percent_but_zero(lungs: LabelArray, infected: BoolArray) -> None:
    lungs[lungs == 2] = 0
    found = quantify(infected, lungs, VOXEL_ML, "density")
    assert (found.left.volume_ml, found.left.infected_percent) == (0.0, 0.0)


def test_arrays_of_two_grids_are_refused(lungs: LabelArray) -> None:
    with pytest.raises(ValueError, match="not on one grid"):
        quantify(np.zeros((9, 4, 4), bool), lungs, VOXEL_ML, "density")
