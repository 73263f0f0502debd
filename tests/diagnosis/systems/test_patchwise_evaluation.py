"""Tables 3 and 4 and the infected percent of the patch networks, from rows and from a chest that is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.batch_effect import Scan, changes, guessed_scanners, measures, plot
from diagnosis.evaluation.predictions import Prediction
from diagnosis.phantom.scanners import DRAWN
from diagnosis.systems.interface import Case
from diagnosis.systems.patchwise.evaluation import (
    INFECTED,
    TRULY_INFECTED,
    PatchwiseEvaluator,
    rates_by_centre,
)
from diagnosis.systems.patchwise.spec import PROBABILITIES
from tests.diagnosis.systems.crafted_patchwise import ship
from tests.phantoms import chest_phantom

COVID, DISEASED, GIVEN = PROBABILITIES
ROWS = (
    ("aster", "NP", 0.2, 0.9), ("aster", "NP", 0.7, 0.1), ("aster", "COVID-19", 0.9, 0.8),
    ("aster", "COVID-19", 0.3, 0.6), (f"{DRAWN}17", "CAP", 0.8, 0.7), (f"{DRAWN}4", "other", 0.6, 0.2),
)  # fmt: skip
"""Scanner, class, P(diseased), P(COVID-19 given diseased)."""


def predictions() -> list[Prediction]:
    return [
        Prediction(
            f"study-{index}", f"patient-{index}", scanner, name, None,
            {COVID: diseased * given, DISEASED: diseased, GIVEN: given},
            {INFECTED: 2.0 + index, TRULY_INFECTED: 3.0} if name != "other" else {},
        )
        for index, (scanner, name, diseased, given) in enumerate(ROWS)
    ]  # fmt: skip


def counted(key: str) -> dict[str, list[tuple[int, int] | None]]:
    rows = rates_by_centre(predictions(), key, 0.5)
    return {
        centre: [None if rate is None else (rate.hits, rate.total) for rate in rates]
        for centre, rates in rows.items()
    }


def test_centres_are_counted_as_in_tables_3_and_4() -> None:
    assert counted(DISEASED) == {
        "aster": [(2, 4), (1, 2), None, (1, 2)],
        "drawn scanners": [(2, 2), None, (2, 2), None],
        "all": [(4, 6), (1, 2), (2, 2), (1, 2)],
    }
    assert counted(GIVEN) == {
        "aster": [(2, 2), (2, 2), None],
        "drawn scanners": [(1, 2), None, (1, 2)],
        "all": [(3, 4), (2, 2), (1, 2)],
    }


def test_a_known_chest_is_measured_and_reported(tmp_path: Path) -> None:
    phantom = chest_phantom(slices=20, noise_hu=0.0)
    evaluator = PatchwiseEvaluator(ship(tmp_path))
    lesions = np.where(phantom.ground_glass, 1, 0).astype(np.uint8)

    reading = evaluator.read(Case(phantom.volume, phantom.lungs), lesions)

    true = 100 * phantom.ground_glass_ml / (phantom.right_ml + phantom.left_ml)
    assert reading.findings[TRULY_INFECTED] == pytest.approx(true, rel=1e-6)
    # the crafted networks paint whole patches of 6 pixels, here 21 mm
    assert true < reading.findings[INFECTED] < 3 * true
    assert reading.probabilities[COVID] == pytest.approx(
        reading.probabilities[DISEASED] * reading.probabilities[GIVEN]
    )

    report = evaluator.own_report(predictions())
    assert report is not None
    assert [table.title.split(",")[0] for table in report.tables] == [
        "Diseased or healthy", "COVID-19 or another disease", "Infected percent against the truth",
    ]  # fmt: skip
    text = "\n".join(line for table in report.tables for line in table.markdown())
    for words in ("| 96.56 | 97.25 | 100.00 | 87.50 |", "| drawn scanners |", "| all |"):
        assert words in text
    error = report.content["infected_percent"]["all"]
    assert error["n"] == 5
    assert error["mean_absolute_error"] == pytest.approx(np.mean([1, 0, 1, 2, 3]))


def test_scanners_that_shift_grey_values_are_told_apart_and_drawn(tmp_path: Path) -> None:
    def scan(patient: int, scanner: int, shift: int) -> Scan:
        counts = np.zeros(256)
        counts[100 + 2 * patient + shift * scanner] = 1.0
        return Scan(patient, f"scanner-{scanner}", counts, {COVID: 0.3 + 0.1 * scanner * (shift > 0)})

    pairs = [(patient, scanner) for patient in range(3) for scanner in range(2)]
    scans = {
        "with removal": [scan(*pair, shift=0) for pair in pairs],
        "without": [scan(*pair, shift=20) for pair in pairs],
    }

    found = measures(scans)
    assert guessed_scanners(scans["without"]) == 1.0
    assert found["histograms of a patient: mean distance, HU"][0] == 0
    assert found["lung grey: mean range of a patient, HU"][1] == pytest.approx(20 * 2048 / 255)
    assert changes(scans["without"], COVID) == pytest.approx(np.full(3, 0.1))
    plot(scans, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 10_000
