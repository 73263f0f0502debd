"""K-means lungs on slices made for each rule and fallback."""

from __future__ import annotations

import numpy as np
import pytest

from diagnosis.geometry import RefusedInput
from diagnosis.lungs.kmeans import kmeans_lungs, smallest_component
from diagnosis.preprocessing.batch_effect import remove_batch_effect
from diagnosis.volume import FloatArray
from tests.phantoms import abdomen_phantom, chest_phantom

AIR, LUNG, TISSUE = 0.0, 0.07, 0.5


def slice_with(*holes: tuple[slice, slice], wall: slice = slice(16, 240)) -> FloatArray:
    """A body of 256 x 256 pixels with lungs at the given places."""
    image = np.full((256, 256), AIR, np.float32)
    image[wall, 16:240] = TISSUE
    for hole in holes:
        image[hole] = LUNG
    return image[None]


def test_lungs_of_a_phantom_agree_with_its_truth() -> None:
    phantom = chest_phantom(size=192, rows=192, slices=40, lesions=False)
    found = kmeans_lungs(remove_batch_effect(phantom.volume.hu))
    for side in (1, 2):
        both = ((found == side) & (phantom.lungs == side)).sum()
        assert 2 * both / ((found == side).sum() + (phantom.lungs == side).sum()) > 0.93


def test_small_holes_are_dropped_in_proportion_to_the_image() -> None:
    assert smallest_component((512, 512)) == 5000
    assert smallest_component((256, 256)) == 1250
    found = kmeans_lungs(slice_with((slice(60, 160), slice(40, 100)), (slice(60, 80), slice(150, 170))))
    assert set(np.unique(found)) == {0, 1}


def test_lungs_that_touch_at_the_anterior_junction_are_parted() -> None:
    """A wall of five pixels closes under the 8 x 8 dilation and opens again without it."""
    found = kmeans_lungs(slice_with((slice(60, 160), slice(40, 126)), (slice(60, 160), slice(131, 220))))[0]
    assert found[100, 60] == 1
    assert found[100, 200] == 2
    assert (found == 1).sum() == pytest.approx(100 * 86, rel=0.1)


def test_lungs_without_a_wall_between_them_are_cut_where_they_are_narrowest() -> None:
    holes = (
        (slice(60, 160), slice(40, 120)),
        (slice(100, 110), slice(120, 136)),
        (slice(60, 160), slice(136, 220)),
    )
    found = kmeans_lungs(slice_with(*holes))[0]
    assert found[80, 60] == 1
    assert found[80, 200] == 2
    assert 118 <= np.flatnonzero((found == 2).any(axis=0))[0] <= 137


def test_a_lung_that_the_dilation_opens_to_the_outside_is_kept() -> None:
    """Five pixels of chest wall in front of the right lung."""
    found = kmeans_lungs(slice_with((slice(21, 160), slice(40, 110)), (slice(60, 160), slice(140, 210))))[0]
    assert found[100, 60] == 1
    assert found[100, 180] == 2


def test_an_abdomen_has_no_lungs() -> None:
    with pytest.raises(RefusedInput, match="No lungs found"):
        kmeans_lungs(remove_batch_effect(abdomen_phantom().hu))
