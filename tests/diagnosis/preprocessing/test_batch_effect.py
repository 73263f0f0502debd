"""One grey scale for all scanners: air near 0, water near 0.49."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from diagnosis.preprocessing.batch_effect import background_hu, remove_batch_effect
from diagnosis.preprocessing.histogram import two_means_threshold, valley
from tests.phantoms import chest_phantom


def test_air_becomes_0_and_water_0_49_whatever_the_scanner_calls_air() -> None:
    hu = chest_phantom(noise_hu=0.0).volume.hu
    for offset in (0, 24, -24):
        image = remove_batch_effect(hu + np.int16(offset))
        assert image[20, 0, 0] == 0.0
        soft_tissue = image[20][hu[20] == 40]
        assert np.median(soft_tissue) == pytest.approx(1040 / 2048, abs=1e-6)


def test_padding_is_not_taken_for_air() -> None:
    hu = chest_phantom(noise_hu=5.0).volume.hu.copy()
    air = background_hu(hu)
    hu[:, :8, :] = -2000
    hu[:, -8:, :] = -3024
    assert background_hu(hu) == pytest.approx(air, abs=1.0)
    assert air == pytest.approx(-1000, abs=5)


def test_a_body_that_fills_the_image_gets_the_air_of_the_hounsfield_scale() -> None:
    hu = np.full((3, 32, 32), 40, np.int16)
    hu[:, 12:20, 12:20] = -850
    assert background_hu(hu) == -1000.0


def test_a_series_of_padding_alone_ends_without_an_error() -> None:
    assert remove_batch_effect(np.full((2, 8, 8), -2000, np.int16)).max() == 0.0


def test_values_stay_between_0_and_1_and_bone_is_cut() -> None:
    hu = chest_phantom(noise_hu=0.0).volume.hu.copy()
    hu[20, 40:50, 40:50] = 3071
    image = remove_batch_effect(hu)
    assert image.dtype == np.float32
    assert image.min() == 0.0
    assert image.max() == 1.0


def test_each_slice_gets_a_3_by_3_median() -> None:
    hu = np.random.default_rng(1).integers(-1000, 400, (4, 30, 41)).astype(np.int16)
    air = round(background_hu(hu))
    plain = np.clip(hu.astype(np.float32) - air, 0, 2048) / 2048
    expected = ndimage.median_filter(plain, size=(1, 3, 3), mode="nearest")
    np.testing.assert_allclose(remove_batch_effect(hu), expected, atol=1e-6)


def test_two_means_part_two_heaps_half_way() -> None:
    rng = np.random.default_rng(2)
    values = np.concatenate([rng.normal(10, 1, 9000), rng.normal(50, 2, 3000)])
    assert two_means_threshold(values) == pytest.approx(30, abs=0.5)


def test_equal_values_have_nothing_below_their_threshold() -> None:
    values = np.full(100, 7.0)
    assert not (values < two_means_threshold(values)).any()


def test_the_valley_lies_where_the_counts_are_fewest() -> None:
    rng = np.random.default_rng(3)
    values = np.concatenate([rng.normal(0.07, 0.04, 50000), rng.normal(0.5, 0.05, 50000)])
    assert 0.2 < valley(values, 0.3) < 0.36
