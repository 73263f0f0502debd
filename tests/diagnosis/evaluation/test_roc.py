"""Curves and areas: hand-made cases, scikit-learn, and what must hold for every score."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from diagnosis.evaluation.bootstrap import bootstrap_interval, bootstrap_mean_interval
from diagnosis.evaluation.cases import Flags, Numbers, cases_of
from diagnosis.evaluation.delong import compare_areas, roc_area
from diagnosis.evaluation.ladder import Ladder, ladder_of
from diagnosis.evaluation.roc import precision_recall_curve, roc_curve


def drawn(positives: int, negatives: int, shift: float = 1.0, seed: int = 0) -> tuple[Flags, Numbers]:
    rng = np.random.default_rng(seed)
    truth = np.arange(positives + negatives) < positives
    return truth, rng.normal(size=len(truth)) + shift * truth


@st.composite
def both_classes(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    """Labels with both classes, and whole-number scores, so that there are ties."""
    truth = [0, 1, *draw(st.lists(st.integers(0, 1), max_size=28))]
    scores = draw(st.lists(st.integers(-8, 8), min_size=len(truth), max_size=len(truth)))
    return truth, scores


def test_a_case_counted_by_hand() -> None:
    truth, scores = [0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]
    curve, precision = roc_curve(truth, scores), precision_recall_curve(truth, scores)
    assert curve is not None
    assert precision is not None
    assert curve.area == 0.75  # three of four pairs are in order
    assert curve.thresholds[0] == np.inf
    assert curve.false_positive_rate.tolist() == [0, 0, 0.5, 0.5, 1]
    assert curve.true_positive_rate.tolist() == [0, 0.5, 0.5, 1, 1]
    assert precision.average_precision == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert (precision.precision[-1], precision.recall[-1]) == (1, 0)
    assert precision.area == pytest.approx(0.5 * (1 + 1) / 2 + 0 + 0.5 * (1 / 2 + 2 / 3) / 2)


def test_ties_count_half() -> None:
    found = roc_area([1, 0, 1, 0], [1, 1, 1, 1])
    assert found is not None
    assert found.value == 0.5


def test_one_class_has_no_curve_and_no_area() -> None:
    for truth in ([0, 0, 0], [1, 1, 1]):
        assert roc_curve(truth, [1, 2, 3]) is None
        assert precision_recall_curve(truth, [1, 2, 3]) is None
        assert roc_area(truth, [1, 2, 3]) is None
        assert compare_areas(truth, [1, 2, 3], [3, 2, 1]) is None
        assert bootstrap_interval(truth, [1, 2, 3], Ladder.roc_area) is None


@pytest.mark.parametrize(
    ("truth", "scores", "sentence"),
    [
        ([0, 1], [0.1], "2 labels but 1 scores"),
        ([0, 2], [0.1, 0.2], "neither 0 nor 1"),
        (["no", "yes"], [0.1, 0.2], "neither 0 nor 1"),
        ([0, 1], [0.1, np.nan], "not a finite number"),
        ([0, 1], [0.1, np.inf], "not a finite number"),
        ([], [], "at least one case"),
        ([[0, 1]], [[0.1, 0.2]], "must be a list"),
    ],
)
def test_input_that_is_none_is_refused_in_a_sentence(truth: object, scores: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        cases_of(truth, scores)  # type: ignore[arg-type]


@settings(max_examples=50, deadline=None)
@given(both_classes())
def test_ladder_and_delong_agree_with_scikit_learn(cases: tuple[list[int], list[int]]) -> None:
    truth, scores = cases
    ladder, area = ladder_of(cases_of(truth, scores)), roc_area(truth, scores)
    assert ladder is not None
    assert area is not None
    expected = metrics.roc_auc_score(truth, scores)
    assert area.value == pytest.approx(expected)
    assert ladder.roc_area()[0] == pytest.approx(expected)
    assert ladder.average_precision()[0] == pytest.approx(metrics.average_precision_score(truth, scores))


@settings(max_examples=50, deadline=None)
@given(both_classes())
def test_only_the_order_of_the_scores_matters(cases: tuple[list[int], list[int]]) -> None:
    truth, scores = cases
    values = np.array(scores, float)
    plain, bent = roc_area(truth, values), roc_area(truth, np.exp(values / 3) - 7)
    assert plain == bent
    turned, swapped = roc_area(truth, -values), roc_area(1 - np.array(truth), values)
    assert plain is not None
    assert turned is not None
    assert swapped is not None
    assert turned.value == pytest.approx(1 - plain.value)
    assert swapped.value == pytest.approx(1 - plain.value)


@settings(max_examples=30, deadline=None)
@given(both_classes(), st.randoms(use_true_random=False))
def test_the_order_of_the_cases_does_not_matter(cases: tuple[list[int], list[int]], random: object) -> None:
    order = list(range(len(cases[0])))
    random.shuffle(order)  # type: ignore[attr-defined]
    truth, scores = (np.array(values)[order] for values in cases)
    plain, mixed = roc_area(*cases), roc_area(truth, scores)
    assert plain is not None
    assert mixed is not None
    assert mixed.value == pytest.approx(plain.value)
    assert (mixed.variance is None) == (plain.variance is None)
    if plain.variance is not None:
        assert mixed.variance == pytest.approx(plain.variance)


def test_delong_variance_by_its_definition() -> None:
    """Three positives and two negatives, the components of the paper's equations written out."""
    truth, scores = [1, 1, 1, 0, 0], [0.9, 0.5, 0.2, 0.5, 0.1]
    found = roc_area(truth, scores)
    positive_parts = [1, (0.5 + 1) / 2, 0.5]
    negative_parts = [(1 + 0.5 + 0) / 3, 1]
    assert found is not None
    assert found.value == pytest.approx(np.mean(positive_parts))
    assert found.variance == pytest.approx(
        np.var(positive_parts, ddof=1) / 3 + np.var(negative_parts, ddof=1) / 2
    )


def test_delong_and_bootstrap_intervals_agree() -> None:
    truth, scores = drawn(120, 160)
    found = roc_area(truth, scores)
    resampled = bootstrap_interval(truth, scores, Ladder.roc_area)
    assert found is not None
    assert found.interval is not None
    assert resampled is not None
    np.testing.assert_allclose(resampled, found.interval, atol=0.006)
    assert resampled.low < found.value < resampled.high


def test_the_interval_of_delong_covers_as_often_as_it_says() -> None:
    true_area = 0.7602  # normal scores one standard deviation apart: Phi(1 / sqrt 2)
    inside = 0
    for seed in range(400):
        found = roc_area(*drawn(40, 60, seed=seed))
        assert found is not None
        assert found.interval is not None
        inside += found.interval.low <= true_area <= found.interval.high
    assert 0.92 < inside / 400 < 0.98


def test_bootstrap_draws_as_if_case_by_case() -> None:
    """The multinomial draws have the quantiles of plain resampling."""
    truth, scores = drawn(30, 40, seed=3)
    rng = np.random.default_rng(1)
    positive, negative = scores[truth], scores[~truth]
    plain = []
    for _ in range(2000):
        first, second = rng.choice(positive, 30), rng.choice(negative, 40)
        plain.append((first[:, None] > second).mean() + (first[:, None] == second).mean() / 2)
    found = bootstrap_interval(truth, scores, Ladder.roc_area)
    assert found is not None
    np.testing.assert_allclose(found, np.quantile(plain, [0.025, 0.975]), atol=0.012)


def test_the_interval_of_a_mean_is_that_of_the_normal_approximation() -> None:
    values = np.random.default_rng(4).normal(2.0, 1.0, 400)
    found = bootstrap_mean_interval(values)
    half = 1.96 * values.std() / 20
    assert found == pytest.approx((values.mean() - half, values.mean() + half), abs=0.01)
    assert bootstrap_mean_interval([0.1, 0.1, 0.1]) is None
    with pytest.raises(ValueError, match="not a finite number"):
        bootstrap_mean_interval([0.1, float("nan")])


def test_bootstrap_gives_the_same_interval_every_time_and_whatever_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    truth, scores = drawn(50, 50)
    first = bootstrap_interval(truth, scores, Ladder.average_precision)
    assert first == bootstrap_interval(truth, scores, Ladder.average_precision)
    assert first != bootstrap_interval(truth, scores, Ladder.average_precision, seed=1)
    monkeypatch.setattr("diagnosis.evaluation.bootstrap.CELLS_AT_ONCE", 1000)
    in_pieces = bootstrap_interval(truth, scores, Ladder.average_precision)
    assert first is not None
    assert in_pieces is not None
    np.testing.assert_allclose(in_pieces, first, atol=0.01)


def test_bootstrap_of_500_cases_takes_less_than_a_second() -> None:
    truth, scores = drawn(250, 250)
    started = time.process_time()
    assert bootstrap_interval(truth, scores, Ladder.roc_area) is not None
    assert time.process_time() - started < 1


def test_perfect_separation_and_single_cases_have_no_interval() -> None:
    """A width of zero would promise certainty."""
    perfect = roc_area([0, 0, 1, 1], [1, 2, 3, 4])
    single = roc_area([0, 0, 1], [1, 3, 2])
    assert perfect is not None
    assert single is not None
    assert (perfect.value, perfect.variance, perfect.interval) == (1.0, 0.0, None)
    assert (single.value, single.variance, single.interval) == (0.5, None, None)
    assert bootstrap_interval([0, 0, 1, 1], [1, 2, 3, 4], Ladder.roc_area) is None
    assert bootstrap_interval([0, 0, 1], [1, 3, 2], Ladder.roc_area) is None


def test_the_same_score_twice_does_not_differ_from_itself() -> None:
    truth, scores = drawn(20, 20)
    found = compare_areas(truth, scores, np.exp(scores))
    assert found is not None
    assert (found.value, found.interval, found.z, found.p_value) == (0, None, None, None)


def test_comparison_uses_that_both_scores_saw_the_same_cases() -> None:
    truth, scores = drawn(100, 100)
    rng = np.random.default_rng(5)
    worse = scores + rng.normal(size=200)
    found, back = compare_areas(truth, scores, worse), compare_areas(truth, worse, scores)
    first, second = roc_area(truth, scores), roc_area(truth, worse)
    assert found is not None
    assert back is not None
    assert first is not None
    assert second is not None
    assert found.value == pytest.approx(first.value - second.value)
    assert first.variance is not None
    assert second.variance is not None
    assert found.variance < first.variance + second.variance  # independent cases would add up
    assert found.p_value is not None
    assert found.p_value == pytest.approx(back.p_value)
    assert found.z == pytest.approx(-back.z)  # type: ignore[operator]


def test_comparison_is_wrong_as_often_as_it_says_when_nothing_differs() -> None:
    """The test against simulation: two equally good, correlated scores."""
    rejected = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        truth = np.arange(80) < 40
        shared = rng.normal(size=80) + truth
        found = compare_areas(truth, shared + rng.normal(size=80), shared + rng.normal(size=80))
        assert found is not None
        assert found.p_value is not None
        rejected += found.p_value < 0.05
    assert 0.02 < rejected / 400 < 0.085


def test_no_module_of_the_package_loads_torch() -> None:
    """The site imports the package; torch would cost it 300 MB."""
    script = (
        "import importlib, pkgutil, sys, diagnosis.evaluation as package\n"
        "for found in pkgutil.iter_modules(package.__path__):\n"
        "    importlib.import_module(f'diagnosis.evaluation.{found.name}')\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
