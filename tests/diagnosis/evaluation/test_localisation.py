"""Hits, hit rate and FROC, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagnosis.evaluation.localisation import (
    Mark,
    MarkedScan,
    froc_curve,
    hit_rate,
    is_hit,
    mark_of,
)
from diagnosis.results import Region
from diagnosis.volume import BoolArray


def mark(score: float, *lesions: int) -> Mark:
    return Mark(score, frozenset(lesions))


def region(origin: tuple[int, int, int], mask: BoolArray, evidence: float = 0.8) -> Region:
    return Region(
        "R1", "COVID-19", 1.0, "right", None, evidence, origin, mask, (0, 0, 0, 1, 1, 1), (0.5, 0.5, 0.5)
    )


SCANS = [
    MarkedScan((mark(0.9, 1), mark(0.8, 1), mark(0.7), mark(0.4, 2)), lesions=3),
    MarkedScan((mark(0.6), mark(0.3)), lesions=0),
]


def test_a_curve_by_hand() -> None:
    curve = froc_curve(SCANS)
    assert curve is not None
    assert curve.lesions == 3
    assert curve.thresholds.tolist() == [0.9, 0.7, 0.6, 0.4, 0.3]  # the second mark on lesion 1 adds nothing
    np.testing.assert_allclose(curve.sensitivity, [1 / 3, 1 / 3, 1 / 3, 2 / 3, 2 / 3])
    np.testing.assert_allclose(curve.false_marks_per_scan, [0, 0.5, 1, 1, 1.5])


def test_sensitivity_is_read_at_or_below_the_allowed_false_marks() -> None:
    curve = froc_curve(SCANS)
    assert curve is not None
    assert curve.sensitivity_at(0.9) == pytest.approx(1 / 3)
    assert curve.sensitivity_at(1) == pytest.approx(2 / 3)
    assert curve.mean_sensitivity == pytest.approx((3 * 1 / 3 + 4 * 2 / 3) / 7)


def test_only_false_marks_at_the_top_leave_nothing_at_low_rates() -> None:
    curve = froc_curve([MarkedScan((mark(0.9), mark(0.5, 1)), lesions=1)])
    assert curve is not None
    assert curve.sensitivity_at(0.5) == 0
    assert curve.sensitivity_at(1) == 1


def test_one_mark_may_hit_two_lesions_and_no_mark_may_be_there() -> None:
    both = froc_curve([MarkedScan((mark(0.9, 1, 2),), lesions=2)])
    nothing = froc_curve([MarkedScan((), lesions=2)])
    assert both is not None
    assert nothing is not None
    assert both.sensitivity.tolist() == [1]
    assert both.false_marks_per_scan.tolist() == [0]
    assert (nothing.sensitivity_at(8), nothing.mean_sensitivity) == (0, 0)


def test_without_lesions_there_is_no_curve_and_nonsense_is_refused() -> None:
    assert froc_curve([MarkedScan((mark(0.5),), lesions=0)]) is None
    with pytest.raises(ValueError, match="no scan"):
        froc_curve([])
    with pytest.raises(ValueError, match="does not have"):
        froc_curve([MarkedScan((mark(0.5, 2),), lesions=1)])
    with pytest.raises(ValueError, match="finite"):
        froc_curve([MarkedScan((mark(np.nan),), lesions=1)])


marks = st.builds(mark, st.floats(0, 1), st.integers(1, 3)) | st.builds(mark, st.floats(0, 1))
scans = st.lists(
    st.builds(MarkedScan, st.lists(marks, max_size=6).map(tuple), st.just(3)), min_size=1, max_size=5
)


@settings(max_examples=40, deadline=None)
@given(scans)
def test_curves_only_rise_and_follow_the_order_alone(found: list[MarkedScan]) -> None:
    curve = froc_curve(found)
    bent = froc_curve([
        MarkedScan(tuple(Mark(one.score / 2 - 3, one.lesions) for one in scan.marks), scan.lesions)
        for scan in found
    ])  # fmt: skip
    assert curve is not None
    assert bent is not None
    assert (np.diff(curve.sensitivity) >= 0).all()
    assert (np.diff(curve.false_marks_per_scan) >= 0).all()
    assert (curve.sensitivity <= 1).all()
    if len(curve.thresholds) == len(bent.thresholds):  # halving may make two neighbouring scores equal
        np.testing.assert_array_equal(curve.sensitivity, bent.sensitivity)
        np.testing.assert_array_equal(curve.false_marks_per_scan, bent.false_marks_per_scan)


@pytest.fixture
def lesions() -> np.ndarray:
    """Lesion 1 of 2 x 2 x 2 voxels, lesion 2 of one voxel beside it."""
    labels = np.zeros((6, 6, 6), np.uint8)
    labels[1:3, 1:3, 1:3] = 1
    labels[1, 1, 4] = 2
    return labels


def test_a_region_hits_what_it_overlaps_enough(lesions: np.ndarray) -> None:
    """The region of 2 x 2 x 4 voxels shares 8 with lesion 1 (Jaccard 1/2) and 1 with lesion 2 (1/16)."""
    found = region((1, 1, 1), np.ones((2, 2, 4), bool))
    assert mark_of(found, lesions, least_overlap=0) == mark(0.8, 1, 2)
    assert mark_of(found, lesions, least_overlap=0.1) == mark(0.8, 1)
    assert mark_of(found, lesions, least_overlap=0.5) == mark(0.8, 1)
    assert mark_of(found, lesions, least_overlap=0.51) == mark(0.8)


def test_only_the_mask_of_a_region_counts_not_its_box(lesions: np.ndarray) -> None:
    ring = np.ones((4, 4, 4), bool)
    ring[1:3, 1:3, 1:3] = False
    assert mark_of(region((0, 0, 0), ring), lesions, least_overlap=0) == mark(0.8)


def test_the_centre_hits_a_box_with_its_faces() -> None:
    boxes = [(-10.0, 20.0, 100.0, -5.0, 30.0, 110.0), (50.0, 20.0, 100.0, 60.0, 30.0, 110.0)]
    assert is_hit((-7.0, 25.0, 105.0), boxes)  # type: ignore[arg-type]
    assert is_hit((50.0, 30.0, 110.0), boxes)  # type: ignore[arg-type]
    assert not is_hit((-7.0, 25.0, 111.0), boxes)  # type: ignore[arg-type]
    assert not is_hit((0.0, 25.0, 105.0), boxes)  # type: ignore[arg-type]
    assert not is_hit((0.0, 0.0, 0.0), [])


def test_the_hit_rate_carries_its_interval() -> None:
    found = hit_rate([True, True, False, True])
    assert found is not None
    assert (found.hits, found.total, found.value) == (3, 4, 0.75)
    assert hit_rate([]) is None
