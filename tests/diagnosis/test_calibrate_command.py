"""``python -m diagnosis calibrate``: the interval that phantoms taught, or why they can not teach one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import torch

from diagnosis.__main__ import main
from diagnosis.commands import calibrate
from diagnosis.commands.calibrate import Measured, measure
from diagnosis.labels import Split, write_label_folder
from diagnosis.quantification.interval import load_calibration
from tests.diagnosis.crafted_networks import density_lesion_network, ship, threshold_lung_network
from tests.diagnosis.training.folders import study


def folder_of(path: Path, parts: Sequence[Split]) -> Path:
    write_label_folder(
        path, (study(number, part, slices=12, size=32) for number, part in enumerate(parts, start=1))
    )
    return path


def measured_as(monkeypatch: pytest.MonkeyPatch, truths: Mapping[Split, Sequence[float]]) -> None:
    """Let every study read 10 % with readings from 8 to 12 %, and have the next of these truths."""
    left = {part: list(values) for part, values in truths.items()}
    monkeypatch.setattr(
        calibrate, "measure", lambda label: Measured(10.0, (8.0, 12.0), left[label.split].pop(0), "test")
    )


def test_the_interval_covers_nine_of_ten_and_says_what_it_covers_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half the spread is 2 points; the largest of nine errors, 3 points, is 1.5 times that."""
    labels = folder_of(tmp_path / "labels", ("validation",) * 9 + ("test",) * 4)
    fitted = [10.0, 10.5, 9.5, 11.0, 9.0, 12.0, 8.0, 7.5, 13.0]
    measured_as(monkeypatch, {"validation": fitted, "test": [7.0, 13.0, 12.9, 13.1]})
    out = tmp_path / "lesions-interval.json"

    assert main(["calibrate", "--labels", str(labels), "--out", str(out)]) == 0

    made = load_calibration(out)
    assert (made.version, made.nominal, made.n) == ("test", 0.9, 4)
    assert made.multiplier == pytest.approx(1.5)
    assert made.measured_coverage == pytest.approx(0.75)


def test_too_few_cases_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = folder_of(tmp_path / "labels", ("validation", "test"))
    measured_as(monkeypatch, {"validation": [1.0], "test": [1.0]})
    assert main(["calibrate", "--labels", str(labels), "--out", str(tmp_path / "interval.json")]) == 2
    assert "too few studies" in capsys.readouterr().err
    assert not (tmp_path / "interval.json").exists()


def test_a_folder_without_the_other_scanners_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = folder_of(tmp_path / "labels", ("validation",))
    measured_as(monkeypatch, {"validation": [1.0]})
    assert main(["calibrate", "--labels", str(labels), "--out", str(tmp_path / "i.json")]) == 2
    assert "no study in their test part" in capsys.readouterr().err


def test_readings_without_known_lungs_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    label = study(1, "validation", slices=12, size=32, truth=False)
    write_label_folder(tmp_path / "labels", [label])
    assert main(["calibrate", "--labels", str(tmp_path / "labels"), "--out", str(tmp_path / "i.json")]) == 2
    assert "no known lungs and lesions" in capsys.readouterr().err


def test_a_study_is_measured_by_the_networks_against_its_outline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Networks that know densities find what the box chest holds."""
    ship(tmp_path, lungs=threshold_lung_network(), lesions=density_lesion_network())
    monkeypatch.setenv("LUNGSIGHT_WEIGHTS", str(tmp_path))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    label = study(1, slices=12, size=64)
    found = measure(label)
    torch.set_num_threads(before)
    if label.outline is None or label.lungs is None:
        raise ValueError("the study knows its lungs and lesions")
    truth = 100 * float(((label.outline > 0) & (label.lungs > 0)).sum() / (label.lungs > 0).sum())
    assert found.truth == pytest.approx(truth)
    assert found.percent == pytest.approx(truth, abs=1.5)
    assert found.spread[0] <= found.percent <= found.spread[1]
    assert found.version == "test"
