"""Several classes told apart: means, each against the rest, pairs, and their intervals."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from diagnosis.evaluation.multiclass import between, classification

CLASSES = ("COVID-19", "CAP", "NP")


def noisy_cases(count: int = 90) -> tuple[list[str], np.ndarray]:
    randomness = np.random.default_rng(5)
    places = np.arange(count) % 3
    table = np.exp(randomness.normal(size=(count, 3)) + 1.2 * np.eye(3)[places])
    return [CLASSES[place] for place in places], table / table.sum(axis=1, keepdims=True)


def test_numbers_are_those_of_scikit_learn() -> None:
    truth, table = noisy_cases()
    found = classification(truth, table, CLASSES, draws=50)
    called = [CLASSES[place] for place in table.argmax(axis=1)]
    expected = {
        "accuracy": metrics.accuracy_score(truth, called),
        "precision": metrics.precision_score(truth, called, average="macro"),
        "sensitivity": metrics.recall_score(truth, called, average="macro"),
        "auc": np.mean([
            metrics.roc_auc_score([name == one for name in truth], table[:, place])
            for place, one in enumerate(CLASSES)
        ]),
    }  # fmt: skip
    for name, value in expected.items():
        estimate = getattr(found.overall, name)
        assert estimate.value == pytest.approx(value)
        assert estimate.interval.low < value < estimate.interval.high
    cap = found.by_class["CAP"]
    assert cap.sensitivity is not None
    assert cap.sensitivity.value == pytest.approx(
        metrics.recall_score(truth, called, labels=["CAP"], average="macro")
    )
    assert cap.specificity is not None
    assert cap.specificity.value == pytest.approx(
        metrics.recall_score([name != "CAP" for name in truth], [name != "CAP" for name in called])
    )


def test_intervals_cover_as_often_as_they_say() -> None:
    """The accuracy of cases that are right with a known probability."""
    randomness = np.random.default_rng(1)
    covered = 0
    for _ in range(60):
        truth = [CLASSES[place % 3] for place in range(120)]
        right = randomness.random(120) < 0.8
        places = (np.arange(120) + np.where(right, 0, 1)) % 3
        accuracy = classification(truth, np.eye(3)[places], CLASSES, draws=200).overall.accuracy
        assert accuracy is not None
        assert accuracy.interval is not None
        covered += accuracy.interval.low <= 0.8 <= accuracy.interval.high
    assert covered >= 51


def test_two_classes_are_told_apart_by_their_own_probabilities_alone() -> None:
    truth = ["COVID-19", "CAP", "NP", "COVID-19"]
    table = [[0.2, 0.1, 0.7], [0.1, 0.3, 0.6], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    names, pair = between(truth, table, CLASSES, ("COVID-19", "CAP"))
    assert names == ["COVID-19", "CAP", "COVID-19"]
    np.testing.assert_allclose(pair, [[2 / 3, 1 / 3], [0.25, 0.75], [0.5, 0.5]])
    found = classification(names, pair, ("COVID-19", "CAP"), draws=20)
    assert found.overall == found.by_class["COVID-19"]
    assert found.overall.n == 3
    assert found.overall.sensitivity is not None
    assert found.overall.sensitivity.value == 1.0


def test_what_is_undefined_is_none_and_what_never_varies_has_no_interval() -> None:
    truth = ["COVID-19", "COVID-19", "NP", "NP"]
    perfect = classification(truth, np.eye(3)[[0, 0, 2, 2]], CLASSES, draws=20)
    assert perfect.by_class["CAP"].sensitivity is None
    assert perfect.by_class["CAP"].precision is None
    assert perfect.overall.auc is None
    assert perfect.overall.accuracy is not None
    assert perfect.overall.accuracy.interval is None


def test_probabilities_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(ValueError, match="add up to 1"):
        classification(["NP"], [[0.5, 0.5, 0.5]], CLASSES)
