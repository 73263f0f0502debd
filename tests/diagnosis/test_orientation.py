"""Any acquisition, one set of axes: every voxel keeps its value and its place in millimetres."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagnosis.geometry import RefusedInput
from diagnosis.orientation import plane_of, tilt_degrees, to_patient_axes

SHAPE_KJI = (4, 3, 5)


def turned(degrees: float, axis: int) -> np.ndarray:
    angle = np.radians(degrees)
    a, b = [index for index in range(3) if index != axis]
    turn = np.eye(4)
    turn[a, a] = turn[b, b] = np.cos(angle)
    turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
    return turn


@settings(deadline=None, max_examples=60)
@given(
    order=st.sampled_from(list(itertools.permutations(range(3)))),
    signs=st.tuples(*[st.sampled_from((-1, 1))] * 3),
    spacing=st.tuples(*[st.floats(0.3, 5)] * 3),
    tilt=st.floats(-4.9, 4.9),
    axis=st.integers(0, 2),
)
def test_values_keep_their_millimetres(
    order: tuple[int, ...], signs: tuple[int, ...], spacing: tuple[float, ...], tilt: float, axis: int
) -> None:
    array = np.arange(60).reshape(SHAPE_KJI)
    affine = np.eye(4)
    affine[:3, :3] = 0
    for index, (patient, sign, mm) in enumerate(zip(order, signs, spacing, strict=True)):
        affine[patient, index] = sign * mm
    affine[:3, 3] = (-10, 20, 300)
    affine = turned(tilt, axis) @ affine

    result, result_affine = to_patient_axes(array, affine)

    assert (np.diag(result_affine)[:3] > 0).all()
    assert tilt_degrees(result_affine) == pytest.approx(abs(tilt), abs=1e-3)
    for k, j, i in itertools.product(*map(range, SHAPE_KJI)):
        place = affine @ [i, j, k, 1]
        x, y, z = np.rint(np.linalg.solve(result_affine, place)[:3]).astype(int)
        assert result[z, y, x] == array[k, j, i]
        np.testing.assert_allclose(result_affine @ [x, y, z, 1], place, atol=1e-6)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_more_than_five_degrees_are_refused(axis: int) -> None:
    with pytest.raises(RefusedInput, match="tilted by 6 degrees"):
        to_patient_axes(np.zeros(SHAPE_KJI), turned(6, axis))


@pytest.mark.parametrize("bad", [np.zeros((4, 4)), np.full((4, 4), np.nan), np.ones((4, 4))])
def test_an_affine_that_spans_no_volume_is_refused(bad: np.ndarray) -> None:
    with pytest.raises(RefusedInput):
        to_patient_axes(np.zeros(SHAPE_KJI), bad)


def test_the_plane_is_that_of_the_slices() -> None:
    assert plane_of(np.eye(4)) == "axial"
    assert plane_of(np.eye(4)[[0, 2, 1, 3]]) == "coronal"
    assert plane_of(np.eye(4)[[2, 0, 1, 3]]) == "sagittal"
