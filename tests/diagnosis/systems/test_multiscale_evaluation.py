"""The multi-scale classifier measured: what it reads of a study, and the paper's tables of all of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from diagnosis.evaluation.predictions import Prediction
from diagnosis.systems.interface import Case
from diagnosis.systems.multiscale.evaluation import MultiscaleEvaluator
from diagnosis.systems.multiscale.lesion_placement import (
    placed_by_class,
    placement_findings,
    placement_table,
)
from diagnosis.systems.multiscale.spec import CLASSES
from diagnosis.systems.true_lesions import BY_CHANCE
from tests.diagnosis.systems.crafted_multiscale import ship
from tests.phantoms import chest_phantom

KINDS = ("conv3", "conv4", "conv5")


@pytest.fixture(scope="module")
def evaluator(tmp_path_factory: pytest.TempPathFactory) -> MultiscaleEvaluator:
    return MultiscaleEvaluator(ship(tmp_path_factory.mktemp("weights")))


def predicted(number: int, class_name: str, probabilities: tuple[float, float, float]) -> Prediction:
    joint = dict(zip(CLASSES, probabilities, strict=True))
    alone = {f"{kind} {name}": 1 / 3 for kind in ("conv3", "conv4") for name in CLASSES}
    deepest = {f"conv5 {name}": value for name, value in joint.items()}
    study = f"study-{number}"
    return Prediction(study, study, "scanner", class_name, None, joint, {**alone, **deepest})


def test_a_study_is_read_by_all_levels_and_by_each_alone(evaluator: MultiscaleEvaluator) -> None:
    """The crafted network takes consolidation for COVID-19 at every level."""
    phantom = chest_phantom()
    reading = evaluator.read(Case(phantom.volume, phantom.lungs), None)
    assert sum(reading.probabilities.values()) == pytest.approx(1)
    assert reading.probabilities["COVID-19"] > 0.5
    assert set(reading.findings) == {f"{kind} {name}" for kind in KINDS for name in CLASSES}
    for kind in ("conv3", "conv4", "conv5"):
        of_level = [reading.findings[f"{kind} {name}"] for name in CLASSES]
        assert sum(of_level) == pytest.approx(1)
        assert np.argmax(of_level) == CLASSES.index("COVID-19")
    assert set(evaluator.operating_points) == set(CLASSES)


def test_maps_are_held_against_true_lesions(evaluator: MultiscaleEvaluator) -> None:
    """Only dense lung makes the crafted network speak; its coarser maps have four cells at most."""
    phantom = chest_phantom(slices=14, size=48, noise_hu=0.0)
    case = Case(phantom.volume, phantom.lungs)
    found = evaluator.read(case, phantom.consolidation.astype(np.uint8)).findings
    elsewhere = np.roll(phantom.consolidation, 20, axis=2).astype(np.uint8)
    missed = evaluator.read(case, elsewhere).findings
    unharmed = evaluator.read(case, np.zeros_like(elsewhere)).findings
    assert set(found) == set(missed) == set(evaluator.findings)
    assert BY_CHANCE not in unharmed
    assert 0 < found[BY_CHANCE] < 0.2
    for kind in ("conv3", "joint"):
        assert found[f"{kind} hits a lesion"] == 1
        assert missed[f"{kind} hits a lesion"] == 0
        assert found[f"{kind} in lesions"] > 2 * found[BY_CHANCE]
    assert found["joint in lesions"] > found["conv5 in lesions"]
    assert found["what stands out Dice"] > 0.3
    assert found["boxes Dice"] > 0.3
    assert missed["what stands out Dice"] == missed["boxes Dice"] == 0


def placed_somewhere(number: int, class_name: str, said: str, part: float) -> Prediction:
    """A study of one class, read as another, all of whose maps lie in lesions to this part."""
    joint = {name: 0.8 if name == said else 0.1 for name in CLASSES}
    findings = {name: part for name in placement_findings(KINDS) if "hits" not in name}
    hits = {f"{kind} hits a lesion": float(part > 0.5) for kind in (*KINDS, "joint")}
    return Prediction(f"s{number}", f"s{number}", "scanner", class_name, None, joint, {**findings, **hits})


def test_placement_is_told_over_the_studies_whose_disease_is_the_likelier() -> None:
    placed = placed_by_class(
        [
            placed_somewhere(1, "COVID-19", "COVID-19", 0.2),
            placed_somewhere(2, "COVID-19", "COVID-19", 0.6),
            placed_somewhere(3, "COVID-19", "CAP", 1.0),
            placed_somewhere(4, "NP", "CAP", 1.0),
            predicted(5, "COVID-19", (0.8, 0.1, 0.1)),
        ],
        KINDS,
    )
    assert list(placed) == ["COVID-19"]
    joint = placed["COVID-19"]["joint"]
    assert (joint.n, joint.part.value) == (2, pytest.approx(0.4))
    assert joint.part.interval == pytest.approx((0.2, 0.6))
    assert joint.hits is not None
    assert (joint.hits.hits, joint.hits.total) == (1, 2)
    assert placed["COVID-19"]["boxes"].dice == joint.part
    rows = placement_table(placed).rows
    assert [row[1] for row in rows] == [*KINDS, "joint", "what stands out", "boxes", BY_CHANCE]
    assert rows[3][2:] == ("2", "0.400 (0.200 to 0.600)", "0.500 (0.095 to 0.905), 1 of 2", "-")


def test_the_tables_are_those_of_the_paper(evaluator: MultiscaleEvaluator) -> None:
    predictions = [
        predicted(1, "COVID-19", (0.8, 0.1, 0.1)), predicted(2, "COVID-19", (0.3, 0.6, 0.1)),
        predicted(3, "CAP", (0.2, 0.7, 0.1)), predicted(4, "CAP", (0.1, 0.6, 0.3)),
        predicted(5, "NP", (0.1, 0.1, 0.8)), predicted(6, "NP", (0.3, 0.1, 0.6)),
        predicted(7, "other", (1.0, 0.0, 0.0)),
    ]  # fmt: skip
    report = evaluator.own_report(predictions)
    assert report is not None
    tasks, classes = report.tables
    assert [row[0] for row in tasks.rows] == [
        "conv3 alone", "conv4 alone", "conv5 alone", "joint classifier", "NP/COVID-19", "NP/CAP",
        "COVID-19/CAP",
    ]  # fmt: skip
    assert [row[0] for row in classes.rows] == list(CLASSES)
    assert {row[1] for row in tasks.rows[:4]} == {"6"}
    assert {row[1] for row in tasks.rows[4:]} == {"4"}
    content = report.content["tasks"]
    assert content["joint classifier"]["accuracy"]["value"] == pytest.approx(5 / 6)
    assert content["conv5 alone"] == content["joint classifier"]
    assert content["conv3 alone"]["auc"]["value"] == pytest.approx(0.5)
    assert content["NP/COVID-19"]["accuracy"]["value"] == 1
    assert content["COVID-19/CAP"]["accuracy"]["value"] == pytest.approx(3 / 4)
    assert report.content["classes"]["CAP"]["precision"]["value"] == pytest.approx(2 / 3)
    assert "0.874, 0.895" in "\n".join(tasks.markdown())


def test_without_one_of_the_classes_there_is_no_table(evaluator: MultiscaleEvaluator) -> None:
    assert evaluator.own_report([predicted(1, "NP", (0.1, 0.1, 0.8))]) is None


def test_weights_of_another_system_are_refused(tmp_path: Path) -> None:
    from diagnosis.geometry import RefusedInput

    with pytest.raises(RefusedInput) as refusal:
        MultiscaleEvaluator(ship(tmp_path, system="decovnet"))
    assert refusal.value.code == "bad_weights"
