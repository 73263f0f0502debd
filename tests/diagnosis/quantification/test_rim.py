"""The rim under the chest wall against a plain distance map."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from diagnosis.quantification.rim import RIM_MM, subpleural


def test_it_is_the_distance_to_a_convex_outline() -> None:
    """For one ellipse the hull is the lung itself, so the distance to its border decides."""
    step_y, step_x = 1.5, 0.8
    y, x = np.ogrid[:120, :200]
    lung = ((y - 58) * step_y / 70) ** 2 + ((x - 105) * step_x / 60) ** 2 < 1
    rim = subpleural(lung.astype(np.uint8), (step_y, step_x))
    distance = ndimage.distance_transform_edt(lung, sampling=(step_y, step_x))
    off = 1.5 * step_y
    assert not rim[lung & (distance > RIM_MM + off)].any()
    assert rim[lung & (distance < RIM_MM - off)].all()


def test_the_sides_that_face_each_other_have_no_rim() -> None:
    lungs = np.zeros((100, 200), np.uint8)
    lungs[10:90, 10:90], lungs[10:90, 110:190] = 1, 2
    rim = subpleural(lungs, (1.0, 1.0))
    assert not rim[50, 30:90].any()
    assert not rim[50, 110:170].any()
    assert rim[50, 10:30].all()
    assert rim[50, 170:190].all()
    assert rim[10:30, 50].all()


def test_a_dome_within_the_lungs_makes_no_rim() -> None:
    lungs = np.zeros((100, 200), np.uint8)
    lungs[10:90, 10:90], lungs[10:90, 110:190] = 1, 2
    without = subpleural(lungs, (1.0, 1.0))
    lungs[40:60, 35:65] = 0
    np.testing.assert_array_equal(subpleural(lungs, (1.0, 1.0)), without)


@pytest.mark.parametrize("pixels", [[], [(3, 4)], [(3, 4), (3, 9)], [(1, 1), (2, 2), (3, 3)]])
def test_a_slice_without_area_is_all_rim(pixels: list[tuple[int, int]]) -> None:
    lungs = np.zeros((10, 12), np.uint8)
    for place in pixels:
        lungs[place] = 1
    assert subpleural(lungs, (1.0, 1.0)).all()
