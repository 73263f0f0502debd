"""Whole runs on bad input: a result with a warning in words, or a refusal in words."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from diagnosis.geometry import RefusedInput
from diagnosis.pipeline import analyse
from diagnosis.results import Analysis
from diagnosis.volume import CTVolume, HounsfieldArray
from tests.phantoms import ChestPhantom, abdomen_phantom, chest_phantom

PHANTOM = chest_phantom(rows=96)
"""The field of view is as wide in front and behind as at the sides, as scanners make it."""
BY_RULES = {"lungs": {"method": "closed"}, "lobes": {"method": "none"}, "lesions": {"method": "none"}}


def measured(volume: CTVolume) -> Analysis:
    return analyse(volume, [], BY_RULES, lambda stage, part: None)


def changed(change: Callable[[HounsfieldArray], None], phantom: ChestPhantom = PHANTOM) -> Analysis:
    hu = phantom.volume.hu.copy()
    change(hu)
    return measured(CTVolume(hu, phantom.volume.affine))


def percent(analysis: Analysis) -> float:
    assert analysis.quantification is not None
    return analysis.quantification.infected_percent


def outside_circle(hu: HounsfieldArray) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    y, x = np.ogrid[: hu.shape[1], : hu.shape[2]]
    return np.asarray((y - 47.5) ** 2 + (x - 47.5) ** 2 > 48**2)


@pytest.fixture(scope="module")
def clean() -> Analysis:
    return measured(PHANTOM.volume)


def test_a_clean_chest_is_measured_without_a_warning(clean: Analysis) -> None:
    assert clean.warnings == []
    assert percent(clean) == pytest.approx(PHANTOM.infected_percent, abs=1.0)


@pytest.mark.parametrize("padding", [-2000, -3024])
def test_padding_of_scanners_changes_nothing(padding: int, clean: Analysis) -> None:
    found = changed(lambda hu: hu.__setitem__((slice(None), outside_circle(hu)), padding))
    assert found.warnings == []
    assert percent(found) == pytest.approx(percent(clean), abs=0.1)


def test_padding_with_water_is_taken_away_and_said(clean: Analysis) -> None:
    found = changed(lambda hu: hu.__setitem__((slice(None), outside_circle(hu)), 0))
    assert ["padded with 0 HU" in sentence for sentence in found.warnings] == [True]
    assert percent(found) == pytest.approx(percent(clean), abs=0.1)
    assert (found.volume.hu[:, outside_circle(found.volume.hu)] == 0).all()


def test_no_lungs_are_refused() -> None:
    with pytest.raises(RefusedInput, match="No lungs found"):
        measured(abdomen_phantom())
    with pytest.raises(RefusedInput, match="No lungs found"):
        changed(lambda hu: hu.fill(-1000))


def test_one_lung_is_measured_and_said() -> None:
    def removed(hu: HounsfieldArray) -> None:
        hu[PHANTOM.lungs == 2] = 30

    found = changed(removed)
    assert any(sentence.startswith("No left lung was found") for sentence in found.warnings)
    assert found.quantification is not None
    assert found.quantification.left.volume_ml == 0.0
    assert found.quantification.right.volume_ml == pytest.approx(PHANTOM.right_ml, rel=0.03)


def test_metal_with_streaks_is_said() -> None:
    def pacemaker(hu: HounsfieldArray) -> None:
        hu[36:44, 14:17, 60:68] = 3071
        hu[40, 20:70:4, 10:86] += 150

    assert any("metal" in sentence for sentence in changed(pacemaker).warnings)


def test_contrast_medium_is_said_and_does_not_become_infection(clean: Analysis) -> None:
    def enhanced(hu: HounsfieldArray) -> None:
        hu[:, 20:50, 40:58][hu[:, 20:50, 40:58] > 0] = 190

    found = changed(enhanced)
    assert any("Contrast medium" in sentence for sentence in found.warnings)
    assert percent(found) == pytest.approx(percent(clean), abs=0.5)


@pytest.mark.parametrize(("first", "last"), [(18, 96), (0, 78)])
def test_a_cut_field_of_view_is_said(first: int, last: int) -> None:
    affine = PHANTOM.volume.affine.copy()
    affine[0, 3] += first * affine[0, 0]
    cut = CTVolume(np.ascontiguousarray(PHANTOM.volume.hu[..., first:last]), affine)
    assert any("field of view cuts" in sentence for sentence in measured(cut).warnings)


def test_gaps_of_ten_millimetres_are_said() -> None:
    thick = chest_phantom(slices=22, rows=96)
    found = measured(thick.volume)
    assert any("10 mm apart" in sentence for sentence in found.warnings)
    assert percent(found) == pytest.approx(thick.infected_percent, abs=2.0)


def test_a_matrix_that_is_not_square_is_measured_like_a_square_one(clean: Analysis) -> None:
    found = measured(chest_phantom(rows=80).volume)
    assert found.warnings == []
    assert percent(found) == pytest.approx(percent(clean), abs=0.3)


def test_a_scan_that_ends_within_the_lungs_is_said() -> None:
    found = measured(CTVolume(PHANTOM.volume.hu[12:44].copy(), PHANTOM.volume.affine))
    assert [sentence.split(":")[0] for sentence in found.warnings] == [
        "The lungs reach the top slice",
        "The lungs reach the bottom slice",
    ]
