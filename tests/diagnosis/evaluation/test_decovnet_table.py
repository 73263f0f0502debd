"""Table II of Wang et al., TMI 2020 (DeCoVNet): its columns "PPV" and "NPV" are sensitivity and specificity.

The test set has 131 scans, 75 positive and 56 negative ones. At each of the nine thresholds exactly one pair
of whole numbers gives the printed row with the columns read as sensitivity and specificity, and none with the
columns read as predictive values. So whatever is compared with the paper must be compared with sensitivity
and specificity. Of the text's "12 false positive predictions in total and only one false positive prediction"
the 12 are false negatives.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from diagnosis.evaluation.delong import roc_area
from diagnosis.evaluation.operating import Decisions, threshold_table

POSITIVES, NEGATIVES = 75, 56
PRINTED = {
    0.1: (0.893, 0.933, 0.839), 0.2: (0.908, 0.880, 0.946), 0.3: (0.908, 0.867, 0.964),
    0.4: (0.901, 0.840, 0.982), 0.5: (0.901, 0.840, 0.982), 0.6: (0.878, 0.800, 0.982),
    0.7: (0.870, 0.787, 0.982), 0.8: (0.855, 0.760, 0.982), 0.9: (0.847, 0.733, 1.000),
}  # fmt: skip
"""Threshold: accuracy, "PPV", "NPV" as printed."""
COUNTS = {
    0.1: (70, 47), 0.2: (66, 53), 0.3: (65, 54), 0.4: (63, 55), 0.5: (63, 55), 0.6: (60, 55),
    0.7: (59, 55), 0.8: (57, 55), 0.9: (55, 56),
}  # fmt: skip
"""Threshold: true positives, true negatives."""
PAIRS_IN_ORDER = 4028
"""Of 75 x 56: the area of the authors' released predictions is 0.959048."""


def decisions(hits: int, clear: int) -> Decisions:
    return Decisions(hits, NEGATIVES - clear, POSITIVES - hits, clear)


def rounded(*names: str, found: Decisions) -> tuple[float | None, ...]:
    rates = found.rates()
    values = [getattr(rates, name) for name in names]
    return tuple(None if value is None else round(value.value, 3) for value in values)


def fitting(threshold: float, reading: Callable[[int, int], tuple[float, float]]) -> list[tuple[int, int]]:
    """All (true positives, true negatives) that round to the printed row if the columns mean ``reading``."""
    return [
        (hits, clear)
        for hits in range(1, POSITIVES + 1)
        for clear in range(1, NEGATIVES + 1)
        if tuple(round(x, 3) for x in ((hits + clear) / (POSITIVES + NEGATIVES), *reading(hits, clear)))
        == PRINTED[threshold]
    ]


def sensitivity_and_specificity(hits: int, clear: int) -> tuple[float, float]:
    return hits / POSITIVES, clear / NEGATIVES


def predictive_values(hits: int, clear: int) -> tuple[float, float]:
    return hits / (hits + NEGATIVES - clear), clear / (clear + POSITIVES - hits)


@pytest.mark.parametrize("threshold", PRINTED)
def test_only_sensitivity_and_specificity_fit_the_printed_columns(threshold: float) -> None:
    assert fitting(threshold, sensitivity_and_specificity) == [COUNTS[threshold]]
    assert fitting(threshold, predictive_values) == []


def test_the_true_predictive_values_at_one_half() -> None:
    found = decisions(63, 55)
    assert found == Decisions(true_positives=63, false_positives=1, false_negatives=12, true_negatives=55)
    assert rounded("sensitivity", "specificity", found=found) == (0.840, 0.982)
    assert rounded("positive_predictive_value", "negative_predictive_value", found=found) == (0.984, 0.821)


def predictions() -> tuple[list[int], list[float]]:
    """Scores made to fit the table and the published area: 75 positives and 56 negatives in ten bins.

    Within a bin positives stand above negatives, until as many pairs as needed are turned round.
    """
    hits = [POSITIVES, *(COUNTS[threshold][0] for threshold in PRINTED), 0]
    alarms = [NEGATIVES, *(NEGATIVES - COUNTS[threshold][1] for threshold in PRINTED), 0]
    positives, negatives = (-np.diff(counts) for counts in (hits, alarms))
    in_order = sum(int(count) * int(negatives[: place + 1].sum()) for place, count in enumerate(positives))
    truth: list[int] = []
    scores: list[float] = []
    for place, (ill, well) in enumerate(zip(positives, negatives, strict=True)):
        turned = min(in_order - PAIRS_IN_ORDER, int(ill) * int(well))
        in_order -= turned
        whole, rest = divmod(turned, int(well)) if well else (0, 0)
        order = [1] * (int(ill) - whole - bool(rest)) + [0] * int(well) + [1] * whole
        if rest:
            order.insert(int(ill) - whole - 1 + rest, 1)
        truth += order
        scores += [place / 10 + 0.09 - 0.08 * step / len(order) for step in range(len(order))]
    return truth, scores


def test_predictions_that_fit_the_table_have_the_published_area() -> None:
    truth, scores = predictions()
    area = roc_area(truth, scores)
    assert (sum(truth), len(truth)) == (POSITIVES, POSITIVES + NEGATIVES)
    assert area is not None
    assert area.value == pytest.approx(PAIRS_IN_ORDER / (POSITIVES * NEGATIVES))
    assert round(area.value, 6) == 0.959048
    for row in threshold_table(truth, scores):
        assert row.decisions == decisions(*COUNTS[row.threshold])


def test_the_operating_points_of_the_text_are_whole_cases_too() -> None:
    assert rounded("sensitivity", "specificity", found=decisions(68, 51)) == (0.907, 0.911)
    assert rounded("specificity", found=decisions(71, 44)) == (0.786,)
