"""How much of a map lies in true lesions: known answers on a grid of its own."""

from __future__ import annotations

import numpy as np
import pytest

from diagnosis.results import EFFUSION
from diagnosis.systems.interface import Case
from diagnosis.systems.true_lesions import true_lesions
from diagnosis.volume import CTVolume

AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])
"""Of the series; the map has every other voxel along y and x, and reaches beyond it along x."""
MAP_AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
MAP_SHAPE = (2, 2, 4)


def test_infected_voxels_and_lungs_are_taken_at_the_voxels_of_the_map() -> None:
    lungs = np.ones((2, 4, 4), np.uint8)
    lungs[:, 2] = 0
    outline = np.zeros_like(lungs)
    outline[0, 0, 0], outline[0, 2, 2], outline[1, 0, 1], outline[1, 0, 2] = 1, 4, 2, EFFUSION
    case = Case(CTVolume(np.zeros(lungs.shape, np.int16), AFFINE), lungs)

    truth = true_lesions(case, outline, MAP_AFFINE, MAP_SHAPE)

    assert np.argwhere(truth.infected).tolist() == [[0, 0, 0], [0, 1, 1]]
    assert np.argwhere(truth.lungs).tolist() == [[0, 0, 0], [0, 0, 1], [1, 0, 0], [1, 0, 1]]
    assert truth.by_chance(np.array([True, False])) == 0.5
    assert truth.by_chance(np.array([True, True])) == 0.25
    assert truth.by_chance(np.array([False, False])) is None
    values = np.ones(MAP_SHAPE, np.float32)
    values[0, 0, 0] = 5
    assert truth.part(values) == pytest.approx(6 / 20)
    assert truth.part(0 * values) is None
