"""Patches are infected from the probabilities on that measure known studies best."""

from __future__ import annotations

import numpy as np

from diagnosis.systems.patchwise.infected_thresholds import PUBLISHED, chosen_pair, errors_of_pairs
from diagnosis.systems.patchwise.preprocessing import Views, views_of
from diagnosis.systems.patchwise.quantification import infected_pixels
from diagnosis.systems.patchwise.reading import FirstLook
from diagnosis.systems.study_outlines import UNKNOWN
from diagnosis.volume import LabelArray

SIDE = 64
COARSE_CELLS, FINE_CELLS = SIDE // 8, SIDE // 2


def _views() -> Views:
    """A right lung of 48 x 48 pixels in the middle of each of two slices."""
    image = np.zeros((2, 2, SIDE, SIDE), np.uint8)
    image[1, :, 8:56, 8:56] = 1
    return views_of(image, SIDE)


def _look(views: Views) -> FirstLook:
    """The upper half is infected with 0.92, the lower one with 0.65 by fine patches; coarse ones are sure."""
    count = len(views.crops)
    fine = np.full((count, FINE_CELLS, FINE_CELLS), 0.65, np.float32)
    fine[:, : FINE_CELLS // 2] = 0.92
    sure = np.ones((count, COARSE_CELLS, COARSE_CELLS), np.float32)
    return FirstLook(np.ones(count), sure, fine, sure)


def _truth(views: Views) -> LabelArray:
    """Ground glass where `infected_pixels` finds it above 0.9."""
    return infected_pixels(views, _look(views), (0.5, 0.9)).astype(np.uint8)


def test_probabilities_that_are_too_high_get_a_higher_threshold() -> None:
    views = _views()
    truth = _truth(views)
    lungs = views.image[1] > 0
    published = infected_pixels(views, _look(views), PUBLISHED)[lungs].mean()
    assert published == 1
    assert 0.45 < truth[lungs].mean() < 0.6

    pair = chosen_pair([errors_of_pairs(views, _look(views), truth)])

    assert np.array_equal(infected_pixels(views, _look(views), pair), truth > 0)


def test_the_pair_is_that_of_the_least_mean_error_over_studies() -> None:
    views = _views()
    upper, everywhere = _truth(views), np.ones(views.image.shape[1:], np.uint8)
    of_upper, of_all = (errors_of_pairs(views, _look(views), truth) for truth in (upper, everywhere))

    assert chosen_pair([of_upper, of_all, of_all, None]) == PUBLISHED
    assert chosen_pair([of_upper, of_upper, of_all]) != PUBLISHED


def test_only_what_is_known_counts() -> None:
    views = _views()
    truth = np.where(_truth(views) > 0, np.uint8(UNKNOWN), np.uint8(0))

    errors = errors_of_pairs(views, _look(views), truth)

    assert errors is not None
    assert errors[0] == 100
    assert errors.min() == 0


def test_the_published_thresholds_stay_where_nobody_outlined_anything() -> None:
    views = _views()

    errors = errors_of_pairs(views, _look(views), np.full(views.image.shape[1:], UNKNOWN, np.uint8))

    assert errors is None
    assert chosen_pair([errors, None]) == PUBLISHED == (0.5, 0.5)
