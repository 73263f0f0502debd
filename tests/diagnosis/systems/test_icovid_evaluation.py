"""icovid measured: lesions as found in use, tables of the paper, relevance beside true lesions; refusals."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from diagnosis.__main__ import main
from diagnosis.commands import scanner_swap
from diagnosis.evaluation.predictions import Prediction
from diagnosis.geometry import RefusedInput
from diagnosis.labels import write_label_folder
from diagnosis.phantom.phantom import Phantom, PhantomRequest
from diagnosis.phantom.scanners import SCANNERS
from diagnosis.pipeline import UnknownChoice, analyse
from diagnosis.results import Heatmap
from diagnosis.systems.availability import availability
from diagnosis.systems.icovid.evaluation import SLICES, ICovidEvaluator, placed
from diagnosis.systems.interface import Case
from diagnosis.systems.study_lesions import found_lesions
from diagnosis.systems.true_lesions import BY_CHANCE
from diagnosis.training.labelled import open_labelled
from diagnosis.volume import LabelArray
from diagnosis.weight_files import FOLDER_VARIABLE, NO_WEIGHTS
from diagnosis.weights import save_weights
from tests.diagnosis.crafted_networks import density_lesion_network, threshold_lung_network
from tests.diagnosis.crafted_networks import ship as ship_networks
from tests.diagnosis.phantom.standins import phantom_on
from tests.diagnosis.systems.crafted_icovid import ship
from tests.diagnosis.training.folders import classed, study

KEY = "COVID-19"
LABEL = study(1, slices=16, size=64)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    return tmp_path


def known() -> tuple[LabelArray, LabelArray]:
    if LABEL.lungs is None or LABEL.outline is None:
        raise ValueError("a box chest knows its lungs and lesions")
    return LABEL.lungs, LABEL.outline


def test_relevance_is_told_to_lie_in_true_lesions(folder: Path) -> None:
    lungs, outline = known()
    evaluator = ICovidEvaluator(ship(folder))

    ill = evaluator.read(Case(LABEL.volume, lungs, lesions=outline), outline)
    well = evaluator.read(Case(LABEL.volume, lungs, lesions=np.zeros_like(outline)), outline)

    assert ill.probabilities[KEY] > 0.9
    assert set(ill.findings) == set(evaluator.findings)
    assert ill.findings["lung relevance in lesions"] > 2 * ill.findings[BY_CHANCE]
    assert 0 < ill.findings[BY_CHANCE] < 0.5
    assert well.probabilities[KEY] < 0.4
    assert BY_CHANCE not in well.findings


def test_a_map_counts_only_where_it_lies() -> None:
    lungs, outline = known()
    values = np.zeros(lungs.shape, np.float32)
    values[outline == 3], values[lungs == 1] = 3.0, 1.0
    maps = [Heatmap(KEY, "lung relevance", values, LABEL.volume.affine, 1.0, 0.5)]

    found = placed(maps, Case(LABEL.volume, lungs), outline)

    infected = np.isin(outline, (1, 2, 3, 4))
    lit = values.any(axis=(1, 2))
    assert found["lung relevance in lesions"] == pytest.approx(float(values[infected].sum() / values.sum()))
    assert found[BY_CHANCE] == pytest.approx(infected[lit].sum() / (lungs[lit] > 0).sum())
    assert placed([replace(maps[0], values=0 * values)], Case(LABEL.volume, lungs), outline) == {}


def test_the_tables_are_those_of_the_paper(folder: Path) -> None:
    evaluator = ICovidEvaluator(ship(folder))
    rows = [
        _row(0, KEY, 0.9, 5), _row(1, KEY, 0.3, 2), _row(2, "NP", 0.2, 1), _row(3, "CAP", 0.8, 2),
        _row(4, "NP", 0.1, 1),
    ]  # fmt: skip

    report = evaluator.own_report(rows)

    assert report is not None
    table, suspicion, relevance, complexity = report.tables
    assert table.rows[0][:2] == ("test", "5")
    assert table.rows[0][2].startswith("0.500")
    assert table.rows[0][3].startswith("0.667")
    assert table.rows[0][4] == "0.500"
    assert table.rows[0][5].startswith("0.833")
    assert [row[0] for row in suspicion.rows] == ["1 (very low)", "2 (low)", "5 (very high)"]
    assert suspicion.rows[1][1].startswith("0.000")
    assert relevance.rows[0] == ("lung relevance in lesions", "0.600")
    assert complexity.rows[0][-1] == "1.92, 3.55, 0.5"
    assert report.content["false_positive_rate_at_95_sensitivity"]["value"] == pytest.approx(1 / 3)
    assert report.content["true_positives"] == 1
    assert evaluator.own_report(rows[2:3]) is None


def _row(number: int, name: str, probability: float, co_rads: int) -> Prediction:
    times = {SLICES: 10.0, "seconds to classify": 0.5}
    relevance = {
        "lung relevance in lesions": 0.6, "lesion relevance in lesions": 0.9, BY_CHANCE: 0.1,
        "seconds to explain": 2.0,
    }  # fmt: skip
    findings = {**times, **(relevance if name == KEY and probability > 0.4 else {})}
    return Prediction(f"s{number}", f"p{number}", "one", name, co_rads, {KEY: probability}, findings)


def test_lesions_of_studies_are_found_as_in_use_and_kept(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = study(2, slices=12)
    header = {"system": "lesions", "version": "crafted", "config": {}}
    save_weights(folder / "lesions.safetensors", density_lesion_network(), header)
    labels, cache = tmp_path / "labels", tmp_path / "cache"
    write_label_folder(labels, [small])
    (volume,) = open_labelled(labels, cache, ["train"]).parts["train"]
    lungs = volume.arrays["lungs"].whole()

    first = found_lesions(volume, lungs, cache)
    monkeypatch.setenv(FOLDER_VARIABLE, NO_WEIGHTS)

    assert (first[volume.arrays["outline"].whole() == 1] > 0).mean() > 0.5
    (kept,) = cache.glob("*.lesions-crafted.*.npy")
    assert np.array_equal(np.load(kept), first)
    with pytest.raises(RefusedInput, match="no weights for the lesion network"):
        found_lesions(volume, lungs, cache)


def test_lesions_are_found_anew_in_phantoms_on_another_scanner(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ship(folder)
    ship_networks(folder, lungs=threshold_lung_network(), lesions=density_lesion_network())
    write_label_folder(tmp_path / "labels", [classed(0, "COVID-19", "test"), classed(1, "NP", "test")])

    def made(request: PhantomRequest) -> Phantom:
        return phantom_on(SCANNERS[request.scanner or ""], seed=request.seed)

    monkeypatch.setattr(scanner_swap, "make_phantom", made)
    out = tmp_path / "out"
    command = ["evaluate", "icovid", "--labels", str(tmp_path / "labels"), "--out", str(out), "--swap", "1"]

    assert main(command) == 0

    (row,) = csv.DictReader((out / "scanner-swap.csv").open(encoding="utf-8"))
    assert row["study"] == "phantom-0"
    assert float(row[KEY]) > 0.5, "0.12 without a lesion"
    assert "Scanner swap" in (out / "evaluation.md").read_text("utf-8")


def test_without_lesions_it_is_not_offered_and_refused_before_any_work(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ship(folder)
    monkeypatch.setattr("diagnosis.weight_files._SHIPPED", folder)
    found = availability()["icovid"]
    assert (found.state, found.reason) == ("no weights", "icovid needs lesions found by a network first.")

    def forbidden(stage: str, part: float) -> None:
        raise AssertionError(stage)

    with pytest.raises(RefusedInput, match="network that finds lesions, which icovid needs"):
        analyse(LABEL.volume, ["icovid"], {}, forbidden)
    with pytest.raises(UnknownChoice, match=r"choose another lesions\.method than none"):
        analyse(LABEL.volume, ["icovid"], {"lesions": {"method": "none"}}, forbidden)
