"""Probabilities and intervals that mean what they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from diagnosis.evaluation.calibration import calibration
from diagnosis.evaluation.conformal import calibrate_intervals, coverage


def test_a_reliability_curve_by_hand() -> None:
    found = calibration([0, 1, 1, 1, 0], [0.05, 0.15, 0.75, 0.75, 1.0])
    assert [(part.low, part.high) for part in found.bins] == [(0, 0.1), (0.1, 0.2), (0.7, 0.8), (0.9, 1)]
    assert [part.positives.value for part in found.bins] == [0, 1, 1, 0]
    assert [part.positives.total for part in found.bins] == [1, 1, 2, 1]
    assert found.expected_error == pytest.approx((0.05 + 0.85 + 2 * 0.25 + 1.0) / 5)
    assert found.largest_error == 1.0
    assert found.brier == pytest.approx((0.05**2 + 0.85**2 + 2 * 0.25**2 + 1) / 5)


def test_a_probability_on_an_edge_belongs_to_the_upper_bin() -> None:
    found = calibration([0, 1, 0, 0], [0.3, 0.7, 0.0, 0.29])
    assert [(part.low, part.positives.total) for part in found.bins] == [(0, 1), (0.2, 1), (0.3, 1), (0.7, 1)]


def test_honest_probabilities_have_a_small_error_and_sharpened_ones_a_large_one() -> None:
    rng = np.random.default_rng(0)
    honest = rng.uniform(size=4000)
    truth = rng.uniform(size=4000) < honest
    sharp = honest**3 / (honest**3 + (1 - honest) ** 3)
    assert calibration(truth, honest).expected_error < 0.03
    assert calibration(truth, sharp).expected_error > 0.1
    assert all(
        part.positives.interval.low - 0.02 < part.mean_probability < part.positives.interval.high + 0.02
        for part in calibration(truth, honest).bins
    )


def test_probabilities_outside_0_to_1_are_refused() -> None:
    with pytest.raises(ValueError, match="outside 0 to 1"):
        calibration([0, 1], [0.2, 1.2])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=40))
def test_errors_stay_between_0_and_1(cases: list[tuple[bool, float]]) -> None:
    truth, probabilities = [case[0] for case in cases], [case[1] for case in cases]
    found = calibration(truth, probabilities)
    assert 0 <= found.expected_error <= found.largest_error + 1e-12 <= 1 + 1e-9
    assert sum(part.positives.total for part in found.bins) == len(cases)
    assert found.brier == pytest.approx(metrics.mean_squared_error(truth, probabilities))


def test_the_multiplier_is_the_ninth_of_nine_scores_at_ninety_percent() -> None:
    """k = ceil(10 * 0.9) = 9: the largest; with eight cases ninety percent can not be promised."""
    truths = [11, 12, 13, 14, 15, 16, 17, 18, 19]
    found = calibrate_intervals([10] * 9, [2] * 9, truths, floor=0.5)
    assert found is not None
    assert (found.multiplier, found.cases) == (4.5, 9)
    assert calibrate_intervals([10] * 8, [2] * 8, truths[:8], floor=0.5) is None


def test_spreads_below_the_floor_count_as_the_floor() -> None:
    found = calibrate_intervals([0.0] * 9, [0.0] * 9, [-1.0] * 9, floor=0.5)
    assert found is not None
    assert found.multiplier == 2
    intervals = found.intervals([10, 20], [0.1, 3.0])
    np.testing.assert_allclose(intervals, [[9, 11], [14, 26]])


def test_a_truth_on_the_end_of_its_interval_is_inside() -> None:
    found = coverage([[0, 1], [0, 1], [0, 1], [0, 1]], [0, 1, 0.5, 1.001])
    assert found is not None
    assert (found.hits, found.total) == (3, 4)
    assert found.interval.low < 0.75 < found.interval.high


@pytest.mark.parametrize(
    ("intervals", "truths"),
    [([[1, 0]], [0.5]), ([[0, 1]], [0.5, 0.6]), ([0, 1], [0.5]), ([[0, np.nan]], [0.5])],
)
def test_intervals_that_are_none_are_refused(intervals: list[object], truths: list[float]) -> None:
    with pytest.raises(ValueError, match="interval whose low end"):
        coverage(intervals, truths)  # type: ignore[arg-type]


def test_odd_calibration_input_is_refused() -> None:
    with pytest.raises(ValueError, match="2 predictions but 1 truths"):
        calibrate_intervals([1, 2], [1, 1], [1], floor=0.5)
    with pytest.raises(ValueError, match="spread that is not negative"):
        calibrate_intervals([1, 2], [1, -1], [1, 2], floor=0.5)
    with pytest.raises(ValueError, match="floor must be above 0"):
        calibrate_intervals([1, 2], [1, 1], [1, 2], floor=0)


def measured(cases: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Predictions, spreads and truths: the error grows with the spread and has heavy tails."""
    truths = rng.uniform(0, 40, cases)
    spreads = rng.uniform(0.2, 3, cases)
    return truths + spreads * rng.standard_t(3, cases) - 0.5, spreads, truths


def test_new_cases_are_covered_as_promised_on_average() -> None:
    rng = np.random.default_rng(4)
    shares = []
    for _ in range(300):
        found = calibrate_intervals(*measured(60, rng), floor=0.5)
        predictions, spreads, truths = measured(60, rng)
        assert found is not None
        intervals = found.intervals(predictions, spreads)
        shares.append(((intervals[:, 0] <= truths) & (truths <= intervals[:, 1])).mean())
    assert 0.893 < np.mean(shares) < 0.925  # at least nominal, at most nominal + 1 / 61, and chance


def test_coverage_over_calibration_sets_follows_its_beta_distribution() -> None:
    rng = np.random.default_rng(5)
    predictions, spreads, truths = measured(20_000, rng)
    outside = 0
    for _ in range(300):
        found = calibrate_intervals(*measured(100, rng), floor=0.5)
        assert found is not None
        covered = coverage(found.intervals(predictions, spreads), truths)
        assert covered is not None
        low, high = found.coverage_to_expect()
        outside += not low <= covered.value <= high
    assert (low, high) == pytest.approx((0.8366, 0.9495), abs=2e-3)
    assert outside / 300 < 0.1


def test_normalising_makes_intervals_narrow_where_readings_agree() -> None:
    rng = np.random.default_rng(6)
    found = calibrate_intervals(*measured(200, rng), floor=0.5)
    assert found is not None
    narrow, wide = found.intervals([10, 10], [0.6, 2.4])
    assert (wide[1] - wide[0]) == pytest.approx(4 * (narrow[1] - narrow[0]))


@settings(max_examples=30, deadline=None)
@given(st.integers(9, 60), st.integers(0, 1000), st.sampled_from([0.5, 0.8, 0.9]))
def test_at_least_the_nominal_share_of_the_calibration_cases_is_inside(
    cases: int, seed: int, nominal: float
) -> None:
    predictions, spreads, truths = measured(cases, np.random.default_rng(seed))
    found = calibrate_intervals(predictions, spreads, truths, floor=0.5, nominal=nominal)
    assert found is not None
    widened = found.intervals(predictions, spreads) + np.array([-1e-9, 1e-9])
    covered = coverage(widened, truths)
    assert covered is not None
    assert covered.hits >= nominal * (cases + 1) - 1e-6
