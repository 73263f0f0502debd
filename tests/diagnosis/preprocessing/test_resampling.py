"""Grids down and up keep their place in space."""

from __future__ import annotations

import numpy as np
import pytest

from diagnosis.preprocessing.resampling import (
    block_affine,
    block_mean,
    factors_for,
    positions_in,
    sample_linear,
)

AFFINE = np.array([[0.7, 0, 0, -100], [0, 0.8, 0, -90], [0, 0, 2.0, 30], [0, 0, 0, 1]], np.float64)


def test_blocks_are_averaged_and_the_rest_repeats_the_last_voxel() -> None:
    values = np.arange(5, dtype=np.int16).reshape(1, 1, 5)
    np.testing.assert_allclose(block_mean(values, (1, 1, 2))[0, 0], [0.5, 2.5, 4.0])


def test_factors_never_pass_the_wanted_size() -> None:
    assert factors_for((5.0, 0.7, 0.98), 2.0) == (1, 2, 2)
    assert factors_for((1.0, 0.5, 2.0), 2.0) == (2, 4, 1)


def test_block_centres_lie_between_their_voxels() -> None:
    coarse = block_affine(AFFINE, (1, 2, 4))
    np.testing.assert_allclose(coarse @ [0, 0, 0, 1], AFFINE @ [1.5, 0.5, 0, 1])
    np.testing.assert_allclose(coarse @ [3, 2, 1, 1], AFFINE @ [13.5, 4.5, 1, 1])


def test_a_linear_field_survives_the_way_down_and_up() -> None:
    z, y, x = np.mgrid[:8, :12, :16].astype(np.float32)
    field = 3 * z + 2 * y - x
    factors = (2, 2, 4)
    coarse = block_mean(field, factors)
    back = sample_linear(coarse, positions_in(block_affine(AFFINE, factors), AFFINE, field.shape))
    np.testing.assert_allclose(back[1:-1, 1:-1, 2:-2], field[1:-1, 1:-1, 2:-2], atol=1e-4)


def test_grids_that_are_turned_against_each_other_are_refused() -> None:
    turned = AFFINE.copy()
    turned[:2, :2] = [[0.0, 0.8], [0.7, 0.0]]
    with pytest.raises(ValueError, match="no parallel axes"):
        positions_in(AFFINE, turned, (2, 2, 2))


def test_tilted_series_share_their_tilt_with_their_coarser_grid() -> None:
    tilted = AFFINE.copy()
    tilted[1, 2] = 0.1
    positions = positions_in(block_affine(tilted, (2, 2, 2)), tilted, (4, 4, 4))
    np.testing.assert_allclose(positions[0], [-0.25, 0.25, 0.75, 1.25], atol=1e-9)
