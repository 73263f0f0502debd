"""The CT severity score at every printed limit, and in the gaps between them."""

from __future__ import annotations

import pytest

from diagnosis.quantification.severity import severity_score, severity_scores, severity_total
from diagnosis.results import LOBES, LungShare


@pytest.mark.parametrize(
    ("percent", "score"),
    [
        (0.0, 0), (0.001, 1), (4.999, 1), (5.0, 2), (25.0, 2), (25.4, 3), (26.0, 3), (49.0, 3), (49.9, 3),
        (50.0, 4), (75.0, 4), (75.001, 5), (100.0, 5),
    ],
)  # fmt: skip
def test_every_printed_number_has_its_printed_score(percent: float, score: int) -> None:
    assert severity_score(percent) == score


def test_more_infection_never_scores_lower() -> None:
    scores = [severity_score(tenth / 10) for tenth in range(1001)]
    assert scores == sorted(scores)


def test_the_total_is_out_of_25_and_only_of_all_lobes() -> None:
    lobes = {name: LungShare(100.0, 80.0, 80.0) for name in LOBES.values()}
    assert severity_total(severity_scores(lobes)) == 25
    lobes["RML"] = LungShare(0.0, 0.0, 0.0)
    assert severity_total(severity_scores(lobes)) is None
    assert severity_total({}) is None
