"""Decisions at a threshold: counts, rates, and named operating points."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagnosis.evaluation.intervals import rate
from diagnosis.evaluation.operating import (
    Decisions,
    at_sensitivity,
    at_specificity,
    at_threshold,
    at_youden,
    false_positive_rate_at_sensitivity,
    sensitivity_at_specificity,
    threshold_table,
)

TRUTH = [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]
SCORES = [0.9, 0.8, 0.6, 0.3, 0.7, 0.5, 0.3, 0.2, 0.1, 0.1]


def test_wilson_and_exact_intervals_of_a_published_example() -> None:
    """81 of 263 (Newcombe, Statistics in Medicine 1998, Table I)."""
    wilson, exact = rate(81, 263), rate(81, 263, method="exact")
    assert wilson is not None
    assert exact is not None
    np.testing.assert_allclose(wilson.interval, (0.2553, 0.3662), atol=5e-5)
    np.testing.assert_allclose(exact.interval, (0.2527, 0.3676), atol=5e-5)
    none_of_20 = rate(0, 20)
    assert none_of_20 is not None
    np.testing.assert_allclose(none_of_20.interval, (0, 0.1611), atol=5e-5)


def test_a_rate_of_nothing_is_none_and_nonsense_is_refused() -> None:
    assert rate(0, 0) is None
    for hits, total in ((3, 2), (-1, 2)):
        with pytest.raises(ValueError, match="is no rate"):
            rate(hits, total)


def test_every_rate_of_a_table_of_four() -> None:
    rates = Decisions(true_positives=8, false_positives=4, false_negatives=2, true_negatives=16).rates()
    shares = {
        rates.sensitivity: (8, 10), rates.specificity: (16, 20), rates.positive_predictive_value: (8, 12),
        rates.negative_predictive_value: (16, 18), rates.accuracy: (24, 30),
    }  # fmt: skip
    for found, (hits, total) in shares.items():
        assert found is not None
        assert (found.hits, found.total) == (hits, total)
        assert found.interval.low < found.value < found.interval.high
    assert rates.f1 == pytest.approx(2 * 8 / (16 + 4 + 2))


def test_rates_without_cases_are_none() -> None:
    nobody = at_threshold([0, 0], [0.1, 0.2], 0.5).rates
    assert nobody.sensitivity is None
    assert nobody.positive_predictive_value is None
    assert nobody.f1 is None
    assert nobody.specificity is not None
    assert nobody.specificity.value == 1.0


def test_a_score_at_the_threshold_is_positive() -> None:
    assert at_threshold([1, 0], [0.5, 0.49], 0.5).decisions == Decisions(1, 0, 0, 1)


def test_the_table_has_nine_thresholds_and_falling_sensitivity() -> None:
    table = threshold_table(TRUTH, SCORES)
    assert [row.threshold for row in table] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    called = [row.decisions.true_positives for row in table]
    assert called == [4, 4, 4, 3, 3, 3, 2, 2, 1]
    assert [row.decisions.false_positives for row in table] == [6, 4, 3, 2, 2, 1, 1, 0, 0]


def test_operating_points_found_by_hand() -> None:
    most, sure, best = (point(TRUTH, SCORES) for point in (at_sensitivity, at_specificity, at_youden))
    assert most is not None
    assert sure is not None
    assert best is not None
    assert (most.threshold, most.decisions) == (0.3, Decisions(4, 3, 0, 3))
    assert (sure.threshold, sure.decisions) == (0.8, Decisions(2, 0, 2, 6))
    assert (best.threshold, best.decisions) == (0.6, Decisions(3, 1, 1, 5))


def test_targets_are_counted_in_whole_cases() -> None:
    """0.95 of 20 is 19, although 0.95 * 20 is a little more in floating point."""
    truth = [1] * 20 + [0] * 20
    scores = [*range(20, 40), *range(20)]
    scores[0], scores[20] = -1, 60  # one positive at the bottom, one negative at the top
    most, sure = at_sensitivity(truth, scores), at_specificity(truth, scores)
    assert most is not None
    assert sure is not None
    assert most.decisions == Decisions(19, 1, 1, 19)
    assert sure.decisions == Decisions(19, 1, 1, 19)


def test_no_operating_point_where_there_is_none() -> None:
    assert at_sensitivity([1, 1], [1, 2]) is None
    assert at_youden([0, 0], [1, 2]) is None
    assert at_specificity([0, 1], [2, 1]) is None  # the positive is below the negative
    assert false_positive_rate_at_sensitivity([1, 1], [1, 2]) is None
    nothing_found = sensitivity_at_specificity([0, 1], [2, 1])
    assert nothing_found is not None
    assert (nothing_found.value, nothing_found.interval) == (0, None)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6)), min_size=1, max_size=25))
def test_named_points_are_the_best_of_all_thresholds(cases: list[tuple[int, int]]) -> None:
    truth, scores = [0, 1, *(case[0] for case in cases)], [3, 3, *(case[1] for case in cases)]
    every = [at_threshold(truth, scores, threshold) for threshold in sorted(set(scores))]

    def values(name: str) -> list[float]:
        return [getattr(point.rates, name).value for point in every]

    sensitivity, specificity = values("sensitivity"), values("specificity")
    most, sure, best = (point(truth, scores) for point in (at_sensitivity, at_specificity, at_youden))
    assert most is not None
    assert most.rates.specificity is not None
    assert most.rates.specificity.value == max(
        clear for hit, clear in zip(sensitivity, specificity, strict=True) if hit >= 0.95
    )
    reachable = [hit for hit, clear in zip(sensitivity, specificity, strict=True) if clear >= 0.95]
    if sure is None:
        assert max(reachable, default=0) == 0
    else:
        assert sure.rates.sensitivity is not None
        assert sure.rates.sensitivity.value == max(reachable)
    assert best is not None
    assert best.rates.sensitivity is not None
    assert best.rates.specificity is not None
    assert best.rates.sensitivity.value + best.rates.specificity.value == pytest.approx(
        max(hit + clear for hit, clear in zip(sensitivity, specificity, strict=True))
    )


def overlapping_cases() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = np.arange(100) < 50
    return truth, rng.normal(size=100) + 2 * truth


def test_false_positive_rate_at_95_percent_sensitivity_has_a_wide_interval() -> None:
    cases = overlapping_cases()
    found, point = false_positive_rate_at_sensitivity(*cases), at_sensitivity(*cases)
    assert found is not None
    assert point is not None
    assert found.value == point.decisions.false_positives / 50
    assert found.interval is not None
    assert found.interval.low <= found.value <= found.interval.high
    assert found.interval.high - found.interval.low > 0.1


def test_sensitivity_at_95_percent_specificity_is_the_same_turned_round() -> None:
    truth, scores = overlapping_cases()
    found, point = sensitivity_at_specificity(truth, scores), at_specificity(truth, scores)
    turned = false_positive_rate_at_sensitivity(~truth, -scores)
    assert found is not None
    assert point is not None
    assert turned is not None
    assert found.value == point.decisions.true_positives / 50
    assert found.value == pytest.approx(1 - turned.value)
    assert found.interval is not None
    assert turned.interval is not None
    np.testing.assert_allclose(found.interval, (1 - turned.interval.high, 1 - turned.interval.low), atol=0.03)
