"""What icovid sees: masked lungs in a square, lesions beside them, where everything lies in mm."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from diagnosis.geometry import RefusedInput
from diagnosis.systems.icovid.preprocessing import PAPER_SIZE, InputSize, as_tensor, network_input
from diagnosis.volume import CTVolume, LabelArray, millimetres, spacing_of

GREY = round(400 / 1400 * 255)
"""Lung of -600 HU."""


def scan(slices: int = 12, step_mm: float = 1.5) -> tuple[CTVolume, LabelArray, LabelArray]:
    """Lungs in voxels 1..slices-2, 4..43, 6..65 of a turned grid; one lesion, two marks that are none."""
    hu = np.full((slices, 50, 70), 40, np.int16)
    lungs = np.zeros(hu.shape, np.uint8)
    inside = (slice(1, slices - 1), slice(4, 44), slice(6, 66))
    lungs[inside] = 1
    lungs[:, :, 40:][lungs[:, :, 40:] > 0] = 2
    hu[inside] = -600
    lesions = np.zeros_like(lungs)
    lesions[2:4, 20:24, 10:16] = 3
    lesions[-3, 30:34, 50:60] = 10
    lesions[:, :2] = 1
    affine = np.array([[0, -0.8, 0, 30], [1.5, 0, 0, -20], [0, 0, step_mm, 7], [0, 0, 0, 1.0]])
    return CTVolume(hu, affine), lungs, lesions


@pytest.mark.parametrize("side", [PAPER_SIZE.side, 64, 24])
def test_the_lungs_lie_in_a_square_of_air(side: int) -> None:
    """60 columns of 1.5 mm fill it, 40 rows of 0.8 mm lie in its middle; nothing of the wall is seen."""
    volume, lungs, lesions = scan()
    given = network_input(volume, lungs, lesions, InputSize(side, 3.0))
    assert given.image.shape == (2, 5, side, side)
    assert given.image.dtype == np.uint8
    z_mm, y_mm, x_mm = spacing_of(given.affine)
    assert (z_mm, y_mm, x_mm) == pytest.approx((3.0, 90 / side, 90 / side))
    assert given.image[0].max() == GREY
    rows = np.flatnonzero((given.image[0] == GREY).all(axis=0).any(axis=1))
    assert len(rows) * y_mm == pytest.approx(32, abs=max(2.5 * y_mm, 1.6))
    assert rows.mean() == pytest.approx((side - 1) / 2, abs=1)
    middle = ((given.image.shape[1] - 1) / 2, (side - 1) / 2, (side - 1) / 2)
    assert millimetres(given.affine, middle) == pytest.approx(millimetres(volume.affine, (5.5, 23.5, 35.5)))


def test_infection_inside_the_lungs_is_shown_where_it_lies() -> None:
    volume, lungs, lesions = scan()
    given = network_input(volume, lungs, lesions, InputSize(96, 3.0))
    assert set(np.unique(given.image[1])) == {0, 3}
    found = millimetres(given.affine, tuple(np.argwhere(given.image[1] == 3).mean(axis=0)))
    true = millimetres(volume.affine, (2.5, 21.5, 12.5))
    assert found[:2] == pytest.approx(true[:2], abs=0.8)
    assert found[2] == pytest.approx(true[2], abs=1.6), "half a slice of the input"
    assert not network_input(volume, lungs, None, InputSize(96, 3.0)).image[1].any()


@pytest.mark.parametrize(
    ("slices", "step_mm", "count", "found_mm"), [(12, 1.5, 5, 3.0), (6, 10.0, 4, 10.0), (3, 1.0, 1, 3.0)]
)
def test_slices_are_three_millimetres_apart_or_as_thick_as_they_are(
    slices: int, step_mm: float, count: int, found_mm: float
) -> None:
    volume, lungs, _ = scan(slices, step_mm)
    given = network_input(volume, lungs, None, InputSize(32, 3.0))
    assert given.image.shape[1] == count
    assert spacing_of(given.affine)[0] == pytest.approx(found_mm)
    assert (given.image[0].max(axis=(1, 2)) == GREY).all()


def test_side_information_becomes_one_mask_or_one_for_each_type() -> None:
    image = np.zeros((2, 3, 8, 8), np.uint8)
    image[0], image[1, 1, 2, 3], image[1, 2, 4, 5] = 51, 1, 4
    ct = as_tensor(image, "none")
    assert ct.shape == (3, 1, 8, 8)
    assert float(ct.min()) == float(ct.max()) == pytest.approx(0.2)
    mask = as_tensor(image, "lesions")
    assert torch.argwhere(mask[:, 1]).tolist() == [[1, 2, 3], [2, 4, 5]]
    types = as_tensor(image, "types")
    assert torch.argwhere(types[:, 1:]).tolist() == [[1, 0, 2, 3], [2, 3, 4, 5]]
    assert torch.equal(types[:, :1], ct)


def test_no_lungs_are_refused() -> None:
    volume, lungs, lesions = scan()
    with pytest.raises(RefusedInput, match="No lungs found"):
        network_input(volume, np.zeros_like(lungs), lesions, PAPER_SIZE)
