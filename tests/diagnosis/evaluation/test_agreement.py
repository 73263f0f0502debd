"""Agreement against the worked examples of the papers that defined it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagnosis.evaluation.agreement import (
    cohen_kappa,
    fleiss_kappa,
    intraclass_correlation,
    limits_of_agreement,
)

DIAGNOSES = np.array([
    [0, 0, 0, 6, 0], [0, 3, 0, 0, 3], [0, 1, 4, 0, 1], [0, 0, 0, 0, 6], [0, 3, 0, 3, 0], [2, 0, 4, 0, 0],
    [0, 0, 4, 0, 2], [2, 0, 3, 1, 0], [2, 0, 0, 4, 0], [0, 0, 0, 0, 6], [1, 0, 0, 5, 0], [1, 1, 0, 4, 0],
    [0, 3, 3, 0, 0], [1, 0, 0, 5, 0], [0, 2, 0, 3, 1], [0, 0, 5, 0, 1], [3, 0, 0, 1, 2], [5, 1, 0, 0, 0],
    [0, 2, 0, 4, 0], [1, 0, 2, 0, 3], [0, 0, 0, 0, 6], [0, 1, 0, 5, 0], [0, 2, 0, 1, 3], [2, 0, 0, 4, 0],
    [1, 0, 0, 4, 1], [0, 5, 0, 1, 0], [4, 0, 0, 0, 2], [0, 2, 0, 4, 0], [1, 0, 5, 0, 0], [0, 0, 0, 0, 6],
])  # fmt: skip
"""Fleiss 1971, Table 1: 30 patients, 6 psychiatrists each; depression, personality disorder, schizophrenia,
neurosis, other."""
JUDGES = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
"""Shrout and Fleiss 1979, Table 2: 6 targets, 4 judges."""
WRIGHT = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]
"""Bland and Altman 1986, Table 1: peak expiratory flow in l/min, first readings of both meters."""


def test_the_example_of_fleiss() -> None:
    assert DIAGNOSES.sum(axis=0).tolist() == [26, 26, 30, 55, 43]
    found = fleiss_kappa(DIAGNOSES)
    assert found is not None
    assert found.value == pytest.approx(0.430, abs=5e-4)
    assert found.z == pytest.approx(17.65, abs=0.01)  # with the variance of 1979
    assert found.p_value is not None
    assert found.p_value < 1e-12


def test_fleiss_of_full_agreement_and_of_one_category() -> None:
    full = fleiss_kappa([[3, 0], [0, 3], [3, 0]])
    assert full is not None
    assert full.value == 1.0
    assert fleiss_kappa([[3, 0], [3, 0]]) is None


@pytest.mark.parametrize("counts", [[[2, 1], [1, 1]], [[1, 0]], [[1.5, 0.5]], [[-1, 3]], [], [1, 2]])
def test_fleiss_needs_the_same_number_of_readers_everywhere(counts: list[object]) -> None:
    with pytest.raises(ValueError, match="readers"):
        fleiss_kappa(counts)  # type: ignore[arg-type]


def pairs(table: list[list[int]]) -> tuple[list[int], list[int]]:
    """The answers of two readers from their table of counts [first, second]."""
    cells = [(i, j) for i, row in enumerate(table) for j, count in enumerate(row) for _ in range(count)]
    return [first for first, _ in cells], [second for _, second in cells]


def test_kappa_of_cohen_by_hand() -> None:
    """Agreement 35 of 50, expected 0.5 * 0.6 + 0.5 * 0.4 = 0.5: kappa 0.4."""
    first, second = pairs([[20, 5], [10, 15]])
    assert cohen_kappa(first, second, [0, 1]) == pytest.approx(0.4)


def test_weighted_kappas_by_their_definition() -> None:
    table = np.array([[11, 3, 1, 0], [2, 6, 3, 0], [0, 2, 9, 2], [1, 0, 1, 7]])
    first, second = pairs(table.tolist())
    distance = np.abs(np.subtract.outer(np.arange(4), np.arange(4)))
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    for weights, cost in (("linear", distance), ("quadratic", distance**2)):
        by_definition = 1 - (cost * table).sum() / (cost * expected).sum()
        found = cohen_kappa(first, second, range(4), weights)  # type: ignore[arg-type]
        assert found == pytest.approx(by_definition)


def test_the_order_of_the_categories_counts_only_when_weighted() -> None:
    first, second = ["low", "high", "mid", "low", "mid"], ["low", "mid", "mid", "mid", "high"]
    ordered, mixed = ["low", "mid", "high"], ["high", "low", "mid"]
    assert cohen_kappa(first, second, ordered) == cohen_kappa(first, second, mixed)
    assert cohen_kappa(first, second, ordered, "linear") != cohen_kappa(first, second, mixed, "linear")


def test_a_category_that_nobody_chose_keeps_its_place_in_the_scale() -> None:
    first, second = [1, 1, 5, 5, 4], [1, 5, 5, 4, 4]
    found = cohen_kappa(first, second, [1, 2, 3, 4, 5], "linear")
    assert found != pytest.approx(cohen_kappa(first, second, [1, 4, 5], "linear"))


def test_kappa_is_none_when_everybody_always_said_the_same() -> None:
    assert cohen_kappa([1, 1], [1, 1], [1, 2]) is None
    assert cohen_kappa([1, 1], [2, 2], [1, 2]) == 0.0


def test_kappa_refuses_unequal_lists_and_unknown_categories() -> None:
    with pytest.raises(ValueError, match="judged 2 and 1"):
        cohen_kappa([1, 2], [1], [1, 2])
    with pytest.raises(ValueError, match="judged 0 and 0"):
        cohen_kappa([], [], [1, 2])
    with pytest.raises(ValueError, match="3 is none of the categories"):
        cohen_kappa([1, 3], [1, 2], [1, 2])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=2, max_size=25))
def test_kappa_is_symmetric_and_at_most_one(answers: list[tuple[int, int]]) -> None:
    first, second = [a for a, _ in answers], [b for _, b in answers]
    for weights in ("plain", "linear", "quadratic"):
        one = cohen_kappa(first, second, range(3), weights)  # type: ignore[arg-type]
        other = cohen_kappa(second, first, range(3), weights)  # type: ignore[arg-type]
        assert one == pytest.approx(other)
        assert one is None or one <= 1 + 1e-12


def test_the_example_of_bland_and_altman() -> None:
    found = limits_of_agreement(WRIGHT, MINI)
    assert found is not None
    assert found.bias == pytest.approx(-2.1, abs=0.05)
    assert found.standard_deviation == pytest.approx(38.8, abs=0.05)
    assert found.lower == pytest.approx(-2.1 - 1.96 * 38.8, abs=0.2)
    assert found.upper == pytest.approx(-2.1 + 1.96 * 38.8, abs=0.2)
    np.testing.assert_allclose(found.bias_interval, (-22.0, 17.8), atol=0.15)  # printed: -22.0 to 17.8
    np.testing.assert_allclose(found.lower_interval, (-112.7, -43.3), atol=2.0)


def test_limits_need_two_cases_and_equal_lists() -> None:
    assert limits_of_agreement([1], [2]) is None
    with pytest.raises(ValueError, match="2 first measurements but 1"):
        limits_of_agreement([1, 2], [1])


def test_the_example_of_shrout_and_fleiss() -> None:
    found = intraclass_correlation(JUDGES)
    assert found is not None
    assert found.value == pytest.approx(0.29, abs=0.005)
    assert found.interval is not None
    np.testing.assert_allclose(found.interval, (0.019, 0.761), atol=5e-4)


def test_a_constant_offset_lowers_absolute_agreement() -> None:
    volumes = np.array([3000.0, 4200, 5100, 2700, 3900])
    same, shifted = (
        intraclass_correlation(np.stack([volumes, other], axis=1)) for other in (volumes, volumes + 800)
    )
    assert same is not None
    assert shifted is not None
    assert (same.value, same.interval) == (1.0, None)
    assert 0.5 < shifted.value < 0.9


def test_icc_of_nothing_to_tell_apart_is_none_and_gaps_are_refused() -> None:
    assert intraclass_correlation([[2, 2], [2, 2]]) is None
    for table in ([[1, 2]], [[1], [2]], [[1, np.nan], [2, 3]]):
        with pytest.raises(ValueError, match="two cases by two readers"):
            intraclass_correlation(table)
