"""Hits of Table V: what a map, a response and both together point at, on a chest whose lesions are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from diagnosis.preprocessing.resampling import positions_in, sample_linear
from diagnosis.results import Heatmap
from diagnosis.systems.decovnet import evaluation
from diagnosis.systems.decovnet.evaluation import BOTH, CAM, CHANCE, COMPONENTS, hits
from diagnosis.systems.decovnet.preprocessing import NetworkInput
from diagnosis.systems.interface import Case
from diagnosis.volume import BoolArray, LabelArray
from tests.diagnosis.training.folders import study

LABEL = study(1, slices=20, size=96)


def known() -> tuple[Case, LabelArray]:
    if LABEL.lungs is None or LABEL.outline is None:
        raise ValueError("a box chest knows its lungs and lesions")
    return Case(LABEL.volume, LABEL.lungs), LABEL.outline


def lit(*places: BoolArray) -> Heatmap:
    """An activation map that shines in these places of the series grid."""
    values = np.any([*places, np.zeros(LABEL.volume.shape, bool)], axis=0).astype(np.float32)
    return Heatmap("COVID-19", "cam", values, LABEL.volume.affine, reference=1.0, threshold=0.5)


def answered(monkeypatch: pytest.MonkeyPatch, place: BoolArray) -> None:
    """Let the 3DCC response be the windows over a place, whatever the lung looks like there."""
    original = evaluation.component_response

    def response(shown: NetworkInput) -> Heatmap:
        found = original(shown)
        positions = positions_in(LABEL.volume.affine, found.affine, found.values.shape)
        covered = sample_linear(place.astype(np.float32), positions) >= 0.5
        return replace(found, values=covered.astype(np.float32))

    monkeypatch.setattr(evaluation, "component_response", response)


def heart() -> BoolArray:
    """Dense tissue between the lungs, larger than a lesion."""
    depth, height, width = LABEL.volume.shape
    place = np.zeros(LABEL.volume.shape, bool)
    place[
        depth // 3 : depth // 2 + 1, height // 2 - 12 : height // 2 + 12, width // 2 - 3 : width // 2 + 3
    ] = 1
    return place


def test_the_response_chooses_the_right_part_of_the_activation(monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest part of the map is the heart; ground glass is smaller, but the lung breaks up there."""
    case, lesions = known()
    assert heart().sum() > (lesions == 1).sum()
    answered(monkeypatch, lesions == 1)
    found = hits(lit(heart(), lesions == 1), case, lesions)
    assert (found[CAM], found[COMPONENTS], found[BOTH]) == (0.0, 1.0, 1.0)


def test_a_map_of_the_lesion_alone_hits_without_a_response() -> None:
    """A smooth box chest breaks up nowhere."""
    case, lesions = known()
    found = hits(lit(lesions == 3), case, lesions)
    assert (found[CAM], found[COMPONENTS], found[BOTH]) == (1.0, 0.0, 1.0)


def test_what_points_at_nothing_misses() -> None:
    case, lesions = known()
    found = hits(lit(), case, lesions)
    assert (found[CAM], found[COMPONENTS], found[BOTH]) == (0.0, 0.0, 0.0)


def test_chance_is_the_share_of_the_lungs_in_the_boxes() -> None:
    case, lesions = known()
    boxes = np.zeros(lesions.shape, bool)
    for value in (1, 3):
        voxels = np.argwhere(lesions == value)
        low, high = voxels.min(axis=0), voxels.max(axis=0) + 1
        boxes[tuple(slice(*ends) for ends in zip(low, high, strict=True))] = True
    expected = (boxes & (case.lungs > 0)).sum() / (case.lungs > 0).sum()
    assert hits(lit(), case, lesions)[CHANCE] == pytest.approx(float(expected))


def test_without_a_visible_lesion_nothing_is_counted() -> None:
    case, lesions = known()
    assert hits(lit(heart()), case, np.where(lesions > 0, 11, 0).astype(np.uint8)) == {}
