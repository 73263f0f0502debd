"""Bad input: a warning in words for everything that makes a number doubtful."""

from __future__ import annotations

import numpy as np
import pytest

from diagnosis.cautions import cautions
from diagnosis.padding import OUTSIDE_HU, without_zero_padding
from diagnosis.volume import CTVolume, HounsfieldArray, LabelArray
from tests.phantoms import chest_phantom

PHANTOM = chest_phantom()


@pytest.fixture
def hu() -> HounsfieldArray:
    return PHANTOM.volume.hu.copy()


@pytest.fixture
def lungs() -> LabelArray:
    return PHANTOM.lungs.copy()


def said(hu: HounsfieldArray, lungs: LabelArray) -> list[str]:
    return cautions(CTVolume(hu, PHANTOM.volume.affine), lungs)


def circle(hu: HounsfieldArray) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Outside of the reconstructed circle."""
    y, x = np.ogrid[: hu.shape[1], : hu.shape[2]]
    return np.asarray(((x - 47.5) / 48) ** 2 + ((y - 39.5) / 40) ** 2 > 1)


def test_a_whole_chest_needs_no_warning(hu: HounsfieldArray, lungs: LabelArray) -> None:
    assert said(hu, lungs) == []


@pytest.mark.parametrize("padding", [-1024, -2000, -3024])
def test_padding_of_scanners_needs_no_warning(padding: int, hu: HounsfieldArray, lungs: LabelArray) -> None:
    hu[:, circle(hu)] = padding
    assert said(hu, lungs) == []


def test_a_missing_and_a_small_lung_are_said(hu: HounsfieldArray, lungs: LabelArray) -> None:
    small = lungs.copy()
    small[8:][lungs[8:] == 2] = 0
    (sentence,) = said(hu, small)
    assert sentence.startswith("The left lung measures")
    lungs[lungs == 1] = 0
    (sentence,) = said(hu, lungs)
    assert sentence.startswith("No right lung was found")


def test_metal_is_said_in_the_chest_and_not_beside_it(hu: HounsfieldArray, lungs: LabelArray) -> None:
    hu[20, 0, 0] = 3071
    assert said(hu, lungs) == []
    hu[20:24, 15:17, 40] = 3071
    (sentence,) = said(hu, lungs)
    assert "metal" in sentence


def test_contrast_medium_is_said(hu: HounsfieldArray, lungs: LabelArray) -> None:
    middle = np.zeros(hu.shape, bool)
    middle[:, 20:45, 40:58] = True
    hu[middle & (lungs == 0) & (hu > 0)] = 180
    (sentence,) = said(hu, lungs)
    assert sentence.startswith("Contrast medium was given (180 HU")


@pytest.mark.parametrize("columns", [slice(18, 96), slice(0, 78)])
def test_lungs_cut_by_the_image_are_said(columns: slice, hu: HounsfieldArray, lungs: LabelArray) -> None:
    (sentence,) = said(hu[..., columns], lungs[..., columns])
    assert sentence.startswith("The field of view cuts the lungs")


def test_lungs_cut_in_front_by_the_reconstructed_circle_are_said(
    hu: HounsfieldArray, lungs: LabelArray
) -> None:
    hu[:, :24], lungs[:, :24] = -2000, 0
    (sentence,) = said(hu, lungs)
    assert sentence.startswith("The field of view cuts the lungs")


def test_wide_steps_are_said() -> None:
    thick = chest_phantom(slices=22)
    (sentence,) = cautions(thick.volume, thick.lungs)
    assert sentence.startswith("The slices lie 10 mm apart")
    assert cautions(chest_phantom(slices=32).volume, chest_phantom(slices=32).lungs) == []


def test_zero_padding_becomes_nothing_and_is_said(hu: HounsfieldArray) -> None:
    outside = circle(hu)
    hu[:, outside] = 0
    hu[:, 40, 48] = 0
    found, sentence = without_zero_padding(CTVolume(hu, PHANTOM.volume.affine))
    assert sentence is not None
    assert "padded with 0 HU" in sentence
    assert (found.hu[:, outside] == OUTSIDE_HU).all()
    np.testing.assert_array_equal(found.hu[:, ~outside], hu[:, ~outside])
    assert (hu[:, outside] == 0).all()


def test_soft_tissue_at_the_edge_is_no_padding(hu: HounsfieldArray) -> None:
    rng = np.random.default_rng(0)
    hu[:] = np.rint(rng.normal(0, 12, hu.shape))
    volume = CTVolume(hu, PHANTOM.volume.affine)
    found, sentence = without_zero_padding(volume)
    assert found is volume
    assert sentence is None
