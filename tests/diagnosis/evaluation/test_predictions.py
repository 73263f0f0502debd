"""Predictions on disk: nothing is lost when a run is killed, and nothing half written is believed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from diagnosis.evaluation.predictions import Prediction, PredictionFile, truth_of

KEYS, FINDINGS = ("COVID-19", "CAP"), ("hit cam",)
FIRST = Prediction("s1", "p1", "frost, 2", "CAP", None, {"COVID-19": 1 / 3, "CAP": 2 / 3})
SECOND = Prediction("s2", "p1", "ember", "COVID-19", 5, {"COVID-19": 0.987, "CAP": 0.013}, {"hit cam": 1.0})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = PredictionFile(tmp_path / "predictions.csv", KEYS, FINDINGS)
    file.add(FIRST)
    file.add(SECOND)
    return file.path


def test_rows_come_back_in_full(path: Path) -> None:
    assert PredictionFile(path, KEYS, FINDINGS).rows == {"s1": FIRST, "s2": SECOND}
    assert path.read_text().splitlines()[:2] == [
        "study,patient,scanner,class,co_rads,COVID-19,CAP,hit cam",
        f's1,p1,"frost, 2",CAP,,{1 / 3!r},{2 / 3!r},',
    ]


def test_a_row_cut_short_is_dropped_and_written_again(path: Path) -> None:
    whole = path.read_text()
    path.write_text(whole[: whole.rindex("0.013") + 3])
    file = PredictionFile(path, KEYS, FINDINGS)
    assert list(file.rows) == ["s1"]
    file.add(SECOND)
    assert path.read_text() == whole


def test_a_later_row_of_a_study_counts(path: Path) -> None:
    file = PredictionFile(path, KEYS, FINDINGS)
    file.add(replace(FIRST, co_rads=2))
    assert PredictionFile(path, KEYS, FINDINGS).rows["s1"].co_rads == 2


def test_other_columns_are_refused(path: Path) -> None:
    with pytest.raises(ValueError, match=r"predictions\.csv has other columns"):
        PredictionFile(path, ("COVID-19",), FINDINGS)


@pytest.mark.parametrize(
    ("key", "positive", "left_out"),
    [
        ("COVID-19", {"COVID-19"}, set()),
        ("CAP", {"CAP"}, set()),
        ("diseased", {"CAP", "COVID-19", "other"}, set()),
        ("COVID-19 given diseased", {"COVID-19"}, {"NP"}),
    ],
)
def test_every_key_has_its_positives(key: str, positive: set[str], left_out: set[str]) -> None:
    classes = ("NP", "CAP", "COVID-19", "other")
    assert {name for name in classes if truth_of(key, name)} == positive
    assert {name for name in classes if truth_of(key, name) is None} == left_out
