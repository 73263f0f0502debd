from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from diagnosis.phantom.disease import Disease, Kind, course, draw_disease, extent_of
from diagnosis.phantom.randomness import Randomness

SEEDS = range(400)


@cache
def drawn(kind: Kind, seed: int, severity: float | None = None, day: float | None = None) -> Disease:
    return draw_disease(kind, severity, day, Randomness(seed, "disease"))


@pytest.mark.parametrize(
    ("severity", "lowest", "highest"),
    [(0.12, 0.4, 0.8), (0.3, 2.0, 3.7), (0.55, 12.0, 16.0), (0.85, 26.0, 39.0), (1.0, 32.0, 54.0)],
)
def test_severity_sets_the_infected_percentage(severity: float, lowest: float, highest: float) -> None:
    for kind in ("cap", "covid"):
        percent = 100 * drawn(kind, 3, severity).infected_fraction
        assert lowest <= percent <= highest


def test_extent_rises_strictly_from_nothing() -> None:
    extents = [extent_of(severity) for severity in np.linspace(0, 1, 101)]
    assert extents[0] == 0
    assert (np.diff(extents) > 0).all()


def test_involvement_peaks_near_day_10_and_is_absorbed_after_day_14() -> None:
    fractions = {day: drawn("covid", 5, 0.5, day).infected_fraction for day in range(0, 31, 2)}
    assert max(fractions, key=fractions.__getitem__) == 10
    before = [fractions[day] for day in range(0, 12, 2)]
    after = [fractions[day] for day in range(14, 31, 2)]
    assert before == sorted(before)
    assert after == sorted(after, reverse=True)
    assert after[-1] < 0.5 * fractions[10]


def test_crazy_paving_has_gone_by_day_14_and_consolidation_grows_until_then() -> None:
    disease = replace(drawn("covid", 5, 0.5, 3.0), crazy_paving_factor=1.0, consolidation_factor=1.0)
    mixes = {day: replace(disease, day=float(day)).shares for day in (1, 5, 10, 14, 25)}
    assert mixes[10][1] > mixes[1][1] > 0
    assert mixes[14][1] == mixes[25][1] == 0
    assert mixes[10][2] > mixes[5][2] > mixes[1][2]
    assert mixes[25][2] < mixes[14][2]
    for shares in mixes.values():
        assert sum(shares) == pytest.approx(1.0)
        assert min(shares) >= 0


def test_another_day_or_severity_is_the_same_patient() -> None:
    for kind in ("np", "cap", "covid"):
        usual = drawn(kind, 8)
        for other in (drawn(kind, 8, day=2.0), drawn(kind, 8, day=20.0)):
            assert replace(other, day=usual.day) == usual
        mild = drawn(kind, 8, severity=0.2)
        assert mild.lobes == usual.lobes
        assert mild.pattern == usual.pattern
        assert mild.ground_glass_hu == usual.ground_glass_hu


def test_same_stream_gives_the_same_disease() -> None:
    assert drawn("cap", 4) == drawn("cap", 4)
    assert drawn("cap", 4) != drawn("cap", 5)


def test_each_pneumonia_has_15_to_20_percent_that_look_like_the_other() -> None:
    for kind, own in (("covid", ("peripheral", "diffuse")), ("cap", ("lobar", "bronchopneumonia"))):
        diseases = [drawn(kind, seed) for seed in SEEDS]
        strange = [disease.pattern not in own for disease in diseases]
        assert strange == [disease.atypical for disease in diseases]
        assert 0.13 < np.mean(strange) < 0.23


def test_a_third_of_covid_has_no_preference_for_the_pleura() -> None:
    typical = [disease for seed in SEEDS if not (disease := drawn("covid", seed)).atypical]
    assert 0.29 < np.mean([disease.pattern == "diffuse" for disease in typical]) < 0.41


def test_effusion_is_common_in_cap_and_rare_in_covid() -> None:
    share = {
        kind: np.mean([max(drawn(kind, seed).effusion_depth_mm) > 0 for seed in SEEDS])
        for kind in ("np", "cap", "covid")
    }
    assert 0.38 < share["cap"] < 0.52
    assert share["covid"] < 0.1
    assert share["np"] < 0.1


def test_effusion_lies_on_the_side_where_pneumonia_begins() -> None:
    for seed in SEEDS:
        disease = drawn("cap", seed)
        right, left = disease.effusion_depth_mm
        if right or left:
            assert (right > left) == (disease.lobes[0] <= 3)


def test_negatives_appear_in_every_class_and_40_percent_of_no_pneumonia_is_normal() -> None:
    for kind in ("np", "cap", "covid"):
        found = [drawn(kind, seed).negatives for seed in SEEDS]
        assert 0.04 < np.mean([negatives.emphysema > 0 for negatives in found]) < 0.4
        assert 0.04 < np.mean([negatives.nodules > 0 for negatives in found]) < 0.4
        assert 0.04 < np.mean([max(negatives.atelectasis_mm) > 0 for negatives in found]) < 0.4
        assert 0.04 < np.mean([negatives.bands > 0 for negatives in found]) < 0.4
        if kind == "np":
            normal = [not (n.emphysema or n.nodules or any(n.atelectasis_mm) or n.bands) for n in found]
            assert 0.34 < np.mean(normal) < 0.46


def test_no_pneumonia_has_no_infection_on_any_day() -> None:
    disease = drawn("np", 2, 1.0, 10.0)
    assert disease.infected_fraction == 0
    assert disease.airways.tree_in_bud == 0


def test_densities_are_continuous_and_wide() -> None:
    found = [drawn("covid", seed) for seed in SEEDS]
    glass = [disease.ground_glass_hu for disease in found]
    assert min(glass) < -680
    assert max(glass) > -470
    assert all(15 <= disease.consolidation_hu <= 60 for disease in found)
    assert min(disease.edge_mm for disease in found) < 3
    assert max(disease.edge_mm for disease in found) > 10


def test_course_of_other_pneumonia_is_faster() -> None:
    assert course("cap", 3.0) > course("covid", 3.0)
    assert course("cap", 14.0) < course("covid", 14.0)


@pytest.mark.parametrize(("severity", "day"), [(-0.1, None), (1.1, None), (None, -1.0), (None, 61.0)])
def test_impossible_severities_and_days_are_refused(severity: float | None, day: float | None) -> None:
    with pytest.raises(ValueError, match="lies between"):
        draw_disease("covid", severity, day, Randomness(1, "disease"))


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="is none of"):
        draw_disease("flu", None, None, Randomness(1, "disease"))  # type: ignore[arg-type]
