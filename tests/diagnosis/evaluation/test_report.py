"""The report on a probability, against counts by hand and the published table."""

from __future__ import annotations

import json
from itertools import product

import pytest

from diagnosis.evaluation.predictions import Prediction
from diagnosis.evaluation.report import OF_THE_WEIGHTS, Report, as_json, report_on
from diagnosis.evaluation.report_tables import tables_of
from tests.diagnosis.evaluation.test_decovnet_table import predictions as published

SCORES = {
    "NP": (0.05, 0.10, 0.20, 0.30),
    "CAP": (0.40, 0.55, 0.70),
    "COVID-19": (0.35, 0.60, 0.80, 0.90, 0.95),
}


def prediction(number: int, class_name: str, score: float) -> Prediction:
    grade = {"NP": 1, "CAP": 3, "COVID-19": None}[class_name]
    return Prediction(
        f"s{number}", f"p{number}", ("frost", "ember")[number % 2], class_name, grade, {"COVID-19": score}
    )


def cases() -> list[Prediction]:
    pairs = [(name, score) for name, scores in SCORES.items() for score in scores]
    return [prediction(number, *pair) for number, pair in enumerate(pairs)]


def reported(rows: list[Prediction], point: float = 0.5) -> Report:
    found = report_on(rows, "COVID-19", point)
    assert found is not None
    return found


def area(positives: tuple[float, ...], negatives: tuple[float, ...]) -> float:
    pairs = [(one > other) + (one == other) / 2 for one, other in product(positives, negatives)]
    return sum(pairs) / len(pairs)


def test_areas_and_rates_by_hand() -> None:
    report = reported(cases())
    assert (report.n, report.positives) == (12, 5)
    assert report.auc is not None
    assert report.auc.value == pytest.approx(area(SCORES["COVID-19"], SCORES["NP"] + SCORES["CAP"]))
    assert report.auc.interval is not None
    assert report.auc.interval.low < report.auc.value < report.auc.interval.high <= 1
    assert report.auc.delong is not None
    of_the_weights = report.operating_points[OF_THE_WEIGHTS]
    assert of_the_weights.threshold == 0.5
    rates = of_the_weights.rates
    assert rates.sensitivity is not None
    assert rates.specificity is not None
    assert (rates.sensitivity.value, rates.specificity.value) == (4 / 5, 5 / 7)


def test_each_negative_class_stands_alone() -> None:
    found = reported(cases()).by_class
    assert {name: one.called_positive.hits for name, one in found.items()} == {
        "NP": 0, "CAP": 2, "COVID-19": 4,
    }  # fmt: skip
    for name in ("NP", "CAP"):
        against = found[name].area
        assert against is not None
        assert not found[name].positive
        assert against.value == pytest.approx(area(SCORES["COVID-19"], SCORES[name]))


def test_scanners_and_grades_are_counted_apart() -> None:
    report = reported(cases())
    assert {name: one.prevalence.total for name, one in report.by_scanner.items()} == {"ember": 6, "frost": 6}
    assert {grade: one.prevalence.total for grade, one in report.by_co_rads.items()} == {1: 4, 3: 3}


def test_what_is_not_defined_is_absent() -> None:
    report = reported([prediction(0, "NP", 0.2), prediction(2, "NP", 0.4)])
    document = json.loads(json.dumps(as_json(report), allow_nan=False))
    assert "auc" not in document
    assert list(document["operating_points"]) == [OF_THE_WEIGHTS]
    assert "sensitivity" not in document["operating_points"][OF_THE_WEIGHTS]["rates"]
    assert "areas" not in " ".join(table.title for table in tables_of(report))
    assert report_on([], "COVID-19", 0.5) is None


def test_the_published_predictions_give_the_published_table_under_the_right_names() -> None:
    truth, scores = published()
    rows = [
        prediction(number, "COVID-19" if ill else "NP", score)
        for number, (ill, score) in enumerate(zip(truth, scores, strict=True))
    ]
    report = reported(rows)
    document = json.loads(json.dumps(as_json(report), allow_nan=False))
    low, high = document["auc"]["interval"]
    assert round(document["auc"]["value"], 3) == 0.959
    assert 0.9 < low < 0.959 < high < 1
    text = "\n".join(line for table in tables_of(report) for line in table.markdown())
    assert "| threshold | accuracy | sensitivity | specificity | PPV | NPV |" in text
    assert "| 0.5 | 0.901 | 0.840 | 0.982 | 0.984 | 0.821 |" in text
    assert "| 0.9 | 0.847 | 0.733 | 1.000 | 1.000 | 0.737 |" in text
