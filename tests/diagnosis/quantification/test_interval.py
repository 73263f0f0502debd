"""Intervals that were calibrated, and ranges that only say how readings differ."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from diagnosis.geometry import RefusedInput
from diagnosis.quantification.interval import (
    Calibration,
    calibrated_interval,
    half_width,
    load_calibration,
    spread_of,
    with_uncertainty,
)
from diagnosis.quantification.measuring import quantify
from diagnosis.results import Quantification

CALIBRATION = Calibration("3", 0.9, 2.0, 0.5, 0.91, 100)


@pytest.fixture
def measured() -> Quantification:
    """5 % of one lung."""
    lungs = np.ones((1, 10, 10), np.uint8)
    infected = np.zeros(lungs.shape, bool)
    infected[0, 0, :5] = True
    return quantify(infected, lungs, 1.0, "lesions")


def test_the_spread_is_the_lowest_and_highest_reading() -> None:
    assert spread_of({0.4: 5.0, 0.25: 7.0, 0.6: 3.5}) == (3.5, 7.0)
    assert spread_of({0.4: 5.0}) is None
    assert spread_of({}) is None


def test_the_interval_is_the_multiple_of_half_the_spread_within_0_to_100() -> None:
    assert half_width((3.5, 7.0), 0.5) == 1.75
    assert half_width((5.0, 5.1), 0.5) == 0.5
    assert calibrated_interval(5.0, (4.0, 6.0), CALIBRATION) == (3.0, 7.0)
    assert calibrated_interval(0.2, (0.2, 0.2), CALIBRATION) == (0.0, 1.2)
    assert calibrated_interval(99.0, (95.0, 99.0), CALIBRATION) == (95.0, 100.0)


def test_a_calibration_that_holds_gives_an_interval_and_no_spread(measured: Quantification) -> None:
    found = with_uncertainty(measured, (4.0, 6.0), CALIBRATION, "3")
    assert (found.interval_percent, found.spread) == ((3.0, 7.0), None)


@pytest.mark.parametrize("calibration", [None, CALIBRATION, replace(CALIBRATION, version="2")])
def test_otherwise_it_is_a_spread(measured: Quantification, calibration: Calibration | None) -> None:
    if calibration is CALIBRATION:
        calibration = replace(CALIBRATION, measured_coverage=0.84)
    found = with_uncertainty(measured, (4.0, 6.0), calibration, "3")
    assert (found.interval_percent, found.spread) == (None, (4.0, 6.0))


def test_a_spread_holds_the_percent_itself(measured: Quantification) -> None:
    assert with_uncertainty(measured, (5.5, 6.0), None, "3").spread == (5.0, 6.0)


def test_without_other_readings_there_is_neither(measured: Quantification) -> None:
    assert with_uncertainty(measured, None, CALIBRATION, "3") == measured


def test_a_record_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "lesions-interval.json"
    path.write_text(json.dumps({**asdict(CALIBRATION), "seeds": [1, 2]}))
    assert load_calibration(path) == CALIBRATION


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "not json", json.dumps({**asdict(CALIBRATION), "multiplier": "2"}),
             json.dumps({**asdict(CALIBRATION), "n": -1}), '{"version": NaN}'],
)  # fmt: skip
def test_anything_else_is_refused_in_one_sentence(text: str, tmp_path: Path) -> None:
    path = tmp_path / "lesions-interval.json"
    path.write_text(text)
    with pytest.raises(RefusedInput, match=r"lesions-interval.json is no calibration"):
        load_calibration(path)
    with pytest.raises(RefusedInput):
        load_calibration(tmp_path / "missing.json")
