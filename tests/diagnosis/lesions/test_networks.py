"""The lesion networks: published counts, the order of classes, and the three slices they see."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from diagnosis.lesions.input import lesion_window, three_slices
from diagnosis.lesions.unet3d import CLASSES as PAPER_CLASSES
from diagnosis.lesions.unet3d import LesionUNet3d
from diagnosis.lesions.unet25d import (
    BACKGROUND_CLASS,
    CLASSES,
    INFECTED_CLASSES,
    LESION_OF_CLASS,
    LUNG_CLASS,
    VESSEL_CLASS,
    LesionUNet,
)
from diagnosis.results import INFECTED_VALUES, LESIONS


def test_the_networks_have_their_published_sizes() -> None:
    assert sum(parameter.numel() for parameter in LesionUNet3d().parameters()) == 13_320_773
    fast = sum(parameter.numel() for parameter in LesionUNet().parameters())
    assert fast == 922_074
    assert fast <= 3_000_000


def test_classes_stand_for_the_lesion_values_of_the_contract() -> None:
    assert (CLASSES[BACKGROUND_CLASS], CLASSES[LUNG_CLASS], CLASSES[VESSEL_CLASS]) == (
        "background",
        "lung",
        "vessel",
    )
    assert LESION_OF_CLASS[INFECTED_CLASSES] == INFECTED_VALUES
    for name, value in zip(CLASSES, LESION_OF_CLASS, strict=True):
        assert value == 0 or LESIONS[value] == name
    assert [LESIONS[value] for value in (1, 2, 3)] == list(PAPER_CLASSES[1:4])


@pytest.mark.parametrize("shape", [(32, 48), (50, 37)])
def test_the_fast_network_takes_every_size(shape: tuple[int, int]) -> None:
    assert LesionUNet().eval()(torch.zeros(1, 3, *shape)).shape == (1, len(CLASSES), *shape)


def test_the_3d_network_takes_odd_sizes() -> None:
    with torch.device("meta"):
        assert LesionUNet3d().eval()(torch.empty(1, 1, 33, 40, 57)).shape == (1, 5, 33, 40, 57)


def test_the_window_reaches_from_air_to_soft_tissue() -> None:
    hu = np.array([-3024, -1100, -400, 300, 2000], dtype=np.int16)
    assert lesion_window(hu) == pytest.approx([0, 0, 0.5, 1, 1])


def test_neighbours_are_four_and_a_half_millimetres_away() -> None:
    ramp = np.arange(20, dtype=np.float32)[:, None, None] * np.ones((1, 2, 2), np.float32)
    below, middle, above = three_slices(ramp, 10, 3.0)
    assert (below[0, 0], middle[0, 0], above[0, 0]) == pytest.approx((8.5, 10, 11.5))
    assert three_slices(ramp, 0, 3.0)[0, 0, 0] == 0
    assert three_slices(ramp, 19, 3.0)[2, 0, 0] == 19
    assert three_slices(ramp[:1], 0, 5.0).max() == 0


def test_integer_volumes_are_interpolated_as_numbers() -> None:
    volume = np.array([-30000, 30000], dtype=np.int16)[:, None, None]
    assert three_slices(volume, 0, 9.0)[:, 0, 0] == pytest.approx([-30000, -30000, 0])
