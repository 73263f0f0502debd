"""What a network's mask of the lungs loses and gains before it gets its sides."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from diagnosis.lungs.chest import chest_of, with_sides
from diagnosis.lungs.plausible import DISEASED_HU
from diagnosis.volume import CTVolume, LabelArray
from tests.phantoms import ChestPhantom, chest_phantom


@pytest.fixture(scope="module")
def phantom() -> ChestPhantom:
    return chest_phantom()


def labelled(volume: CTVolume, mask: NDArray[np.bool_]) -> LabelArray:
    return with_sides(mask, volume.affine, chest_of(volume), DISEASED_HU)


def test_the_rest_of_a_lung_that_a_mask_missed_is_taken_in(phantom: ChestPhantom) -> None:
    """In the upper tenth of the left lung the mask holds the outer third of each slice only."""
    left = phantom.lungs == 2
    top = np.zeros_like(left)
    slices = np.flatnonzero(left.any(axis=(1, 2)))
    top[slices[-len(slices) // 10] :, :, : np.flatnonzero(left.any(axis=(0, 1)))[-1] - 8] = True
    found = labelled(phantom.volume, (phantom.lungs > 0) & ~(left & top))
    assert (found[left & top & (phantom.volume.hu < -700)] == 2).mean() > 0.9
    trachea = (phantom.volume.hu < -950) & (phantom.lungs == 0)
    trachea[:, :20] = trachea[:, 60:] = trachea[:, :, :40] = trachea[:, :, 60:] = False
    assert trachea.sum() > 50
    assert not found[trachea].any()


def test_a_stomach_of_which_a_mask_took_a_part_is_left_out(phantom: ChestPhantom) -> None:
    gas = np.zeros(phantom.lungs.shape, bool)
    gas[0:5, 26:46, 50:72] = True
    gas &= ~ndimage.binary_dilation(phantom.lungs > 0, iterations=2)
    hu = phantom.volume.hu.copy()
    hu[gas] = -995
    part = gas.copy()
    part[:, :, 58:] = False
    found = labelled(CTVolume(hu, phantom.volume.affine), (phantom.lungs > 0) | part)
    assert part.sum() > 200
    assert not found[gas].any()
    assert ((found > 0) == (phantom.lungs > 0))[~gas].mean() > 0.99
