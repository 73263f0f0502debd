"""Several classes, several centres, CO-RADS categories."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from diagnosis.evaluation.confusion import confusion_of
from diagnosis.evaluation.groups import by_co_rads, by_group, co_rads_area

CLASSES = ("NP", "CAP", "COVID-19")
TRUTH = [0, 1, 0, 1, 1, 0, 0]
SCORES = [0.2, 0.9, 0.6, 0.7, 0.4, 0.1, 0.3]


def test_each_centre_has_its_own_figures() -> None:
    found = by_group(TRUTH, SCORES, ["b", "b", "b", "b", "a", "a", "c"], threshold=0.5)
    assert list(found) == ["a", "b", "c"]
    assert (found["b"].prevalence.hits, found["b"].prevalence.total) == (2, 4)
    assert found["b"].area is not None
    assert found["b"].area.value == 1.0
    assert found["b"].at_threshold.decisions.false_positives == 1
    assert found["a"].at_threshold.decisions.false_negatives == 1
    assert found["c"].area is None  # one class only
    assert found["c"].at_threshold.rates.sensitivity is None
    with pytest.raises(ValueError, match="7 cases but 1 groups"):
        by_group(TRUTH, SCORES, ["a"], threshold=0.5)


def test_each_co_rads_category_in_rising_order() -> None:
    found = by_co_rads(TRUTH, SCORES, [1, 5, 3, 6, 3, 1, 0], threshold=0.5)
    assert list(found) == [0, 1, 3, 5, 6]
    assert found[3].prevalence.value == 0.5
    assert found[3].at_threshold.rates.accuracy is not None
    assert found[3].at_threshold.rates.accuracy.value == 0
    with pytest.raises(ValueError, match="7 is no CO-RADS category"):
        by_co_rads(TRUTH, SCORES, [1, 5, 3, 7, 3, 1, 0], threshold=0.5)


def test_the_reader_has_a_roc_area_from_categories_that_grade_suspicion() -> None:
    found = co_rads_area([0, 1, 0, 1, 1, 0, 0, 1], [1, 5, 3, 4, 3, 2, 0, 6])
    assert found is not None
    assert found.value == pytest.approx(8.5 / 9)  # 3 x 3 pairs, one tie
    assert co_rads_area([0, 1], [0, 6]) is None


def test_a_confusion_matrix_by_hand() -> None:
    truth = ["NP", "NP", "CAP", "CAP", "COVID-19", "COVID-19", "COVID-19"]
    probabilities = [
        [0.8, 0.1, 0.1], [0.3, 0.4, 0.3], [0.1, 0.7, 0.2], [0.2, 0.2, 0.6], [0, 0, 1], [0.1, 0.2, 0.7],
        [0.5, 0.2, 0.3],
    ]  # fmt: skip
    found = confusion_of(truth, probabilities, CLASSES)
    assert found.matrix.tolist() == [[1, 1, 0], [0, 1, 1], [1, 0, 2]]
    assert (found.accuracy.hits, found.accuracy.total) == (4, 7)
    covid = found.one_against_rest["COVID-19"]
    assert covid.rates.sensitivity is not None
    assert covid.rates.specificity is not None
    assert (covid.rates.sensitivity.hits, covid.rates.sensitivity.total) == (2, 3)
    assert (covid.rates.specificity.hits, covid.rates.specificity.total) == (3, 4)
    assert found.mean_sensitivity == pytest.approx((1 / 2 + 1 / 2 + 2 / 3) / 3)
    assert found.mean_precision == pytest.approx((1 / 2 + 1 / 2 + 2 / 3) / 3)
    assert found.mean_specificity == pytest.approx((4 / 5 + 4 / 5 + 3 / 4) / 3)


def test_means_and_areas_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(2)
    probabilities = rng.dirichlet([1, 1, 1], 90)
    place = np.array([rng.choice(3, p=0.5 * row + 1 / 6) for row in probabilities])
    truth = [CLASSES[number] for number in place]
    found = confusion_of(truth, probabilities, CLASSES)
    called = probabilities.argmax(axis=1)
    assert found.mean_area == pytest.approx(metrics.roc_auc_score(place, probabilities, multi_class="ovr"))
    assert found.mean_sensitivity == pytest.approx(metrics.balanced_accuracy_score(place, called))
    assert found.mean_precision == pytest.approx(metrics.precision_score(place, called, average="macro"))
    assert found.accuracy.value == pytest.approx(metrics.accuracy_score(place, called))


def test_a_class_without_cases_leaves_the_mean_undefined() -> None:
    found = confusion_of(["NP", "CAP"], [[0.9, 0.1, 0], [0.2, 0.8, 0]], CLASSES)
    assert found.accuracy.value == 1
    assert found.mean_sensitivity is None
    assert found.mean_area is None
    assert found.mean_specificity == 1
    assert found.one_against_rest["COVID-19"].rates.sensitivity is None


@pytest.mark.parametrize(
    ("truth", "probabilities", "classes", "sentence"),
    [
        (["NP"], [[0.5, 0.4]], ["NP", "CAP"], "add up to 1"),
        (["NP"], [[1.5, -0.5]], ["NP", "CAP"], "between 0 and 1"),
        (["other"], [[0.5, 0.5]], ["NP", "CAP"], "other is none of the classes"),
        (["NP"], [[1.0]], ["NP"], "At least two classes"),
        (["NP", "CAP"], [[0.5, 0.5]], ["NP", "CAP"], "as many probabilities"),
        ([], np.zeros((0, 2)), ["NP", "CAP"], "as many probabilities"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(
    truth: list[str], probabilities: list[list[float]], classes: list[str], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        confusion_of(truth, probabilities, classes)
