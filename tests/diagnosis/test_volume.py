"""The volume type: spacing, millilitres and millimetres from the affine."""

from __future__ import annotations

import numpy as np
import pytest

from diagnosis.volume import CTVolume, millimetres

AFFINE = np.array([[0.7, 0, 0, -150], [0, 0.8, 0, -200], [0, 0, 2.5, -900], [0, 0, 0, 1.0]])


def test_sizes_follow_the_array_axes() -> None:
    volume = CTVolume(np.zeros((3, 4, 5), np.int16), AFFINE)

    assert volume.shape == (3, 4, 5)
    assert volume.spacing_mm == pytest.approx((2.5, 0.8, 0.7))
    assert volume.voxel_ml == pytest.approx(0.0014)
    assert millimetres(AFFINE, (2, 0, 1)) == pytest.approx((-149.3, -200, -895))


@pytest.mark.parametrize(
    ("hu", "affine"),
    [
        (np.zeros((3, 4, 5), np.float32), AFFINE),
        (np.zeros((4, 5), np.int16), AFFINE),
        (np.zeros((3, 4, 5), np.int16), np.eye(3)),
    ],
)
def test_arrays_that_are_no_volume_are_refused(hu: np.ndarray, affine: np.ndarray) -> None:
    with pytest.raises(ValueError, match="must be"):
        CTVolume(hu, affine)
