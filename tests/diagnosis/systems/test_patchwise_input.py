"""What the patch networks see: rectangles on one grid, distances, patches painted, lungs softened."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import numpy as np
import pytest

from diagnosis.results import LEFT_LUNG, RIGHT_LUNG
from diagnosis.systems.patchwise.aggregation import by_slice, of_scan, softened
from diagnosis.systems.patchwise.distance import SCALE_PIXELS, distance_map
from diagnosis.systems.patchwise.explanation import map_of_scan
from diagnosis.systems.patchwise.painting import painted
from diagnosis.systems.patchwise.patches import COARSE, FINE, Patches, coarse_patches
from diagnosis.systems.patchwise.preprocessing import (
    PAPER_SIZE,
    InputSize,
    Views,
    as_tensor,
    cropped,
    crops_of,
    network_input,
    views_of,
)
from diagnosis.volume import BoolArray, CTVolume, FloatArray, millimetres
from tests.phantoms import ChestPhantom, chest_phantom

SIZE = InputSize(64, "closed")


@pytest.fixture(scope="module")
def phantom() -> ChestPhantom:
    return chest_phantom(slices=20)


@pytest.fixture(scope="module")
def views(phantom: ChestPhantom) -> Views:
    return views_of(network_input(phantom.volume, phantom.lungs, SIZE).image, SIZE.side)


def test_the_rectangle_around_one_lung_lies_in_the_middle_on_the_grid_of_the_patches(views: Views) -> None:
    slices, masks = cropped(views.image, views.crops, views.side)
    assert {crop.lung for crop in views.crops} == {RIGHT_LUNG, LEFT_LUNG}
    for crop, shown, mask in zip(views.crops, slices, masks, strict=True):
        assert crop.top % COARSE.stride == crop.left % COARSE.stride == 0
        for axis in (0, 1):
            hit = np.flatnonzero(mask.any(axis=1 - axis))
            assert abs((hit[0] + hit[-1] + 1) / 2 - views.side / 2) <= COARSE.stride / 2
        outside = np.ones_like(mask)
        outside[np.ix_(mask.any(axis=1), mask.any(axis=0))] = False
        assert not shown[:, outside].any()
        assert mask.sum() == (views.image[1, crop.place] == crop.lung).sum()


def test_three_neighbours_are_shown_and_ends_are_repeated(views: Views) -> None:
    image = np.zeros((2, 4, 64, 64), np.uint8)
    image[0] = np.arange(1, 5)[:, None, None]
    image[1, :, 10:40, 10:40] = RIGHT_LUNG
    crops = crops_of(image[1], 64)
    slices, _ = cropped(image, crops, 64)
    assert [tuple(shown.max(axis=(1, 2))) for shown in slices] == [(1, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 4)]
    tensor = as_tensor(*cropped(image, crops[:1], 64))
    assert tensor.shape == (1, 4, 64, 64)
    assert tensor[0, 0].max() == pytest.approx(1 / 255)


def test_a_lung_that_does_not_fit_scales_the_whole_scan() -> None:
    phantom = chest_phantom(slices=8, size=160)
    kept, small = (
        network_input(phantom.volume, phantom.lungs, replace(SIZE, side=side)) for side in (128, 64)
    )
    assert np.array_equal(np.unique(kept.image[1]), [0, 1, 2])
    ratio = kept.image.shape[2] / small.image.shape[2]
    assert ratio == pytest.approx(kept.image.shape[3] / small.image.shape[3], rel=0.05)
    heights = [crop.box[0].stop - crop.box[0].start for crop in crops_of(small.image[1], 64)]
    assert 54 <= max(heights) <= 56
    for shown in (kept, small):
        z, y, x = np.argwhere(shown.image[1] == LEFT_LUNG).mean(axis=0)
        truth = np.argwhere(phantom.lungs == LEFT_LUNG).mean(axis=0)
        assert millimetres(shown.affine, (z, y, x)) == pytest.approx(
            millimetres(phantom.volume.affine, tuple(truth)), abs=1.5
        )


def test_thin_slices_are_pooled(phantom: ChestPhantom) -> None:
    step = phantom.volume.spacing_mm[0]
    kept, pooled = (
        network_input(phantom.volume, phantom.lungs, replace(SIZE, slice_mm=mm)).image
        for mm in (None, 2 * step)
    )
    assert pooled.shape[1] == -(-kept.shape[1] // 2)


def test_a_scanner_that_is_off_by_a_constant_shows_the_same(phantom: ChestPhantom) -> None:
    """Batch-effect removal; without it the constant stays."""
    hu = np.where(phantom.volume.hu > -1024, phantom.volume.hu + np.int16(40), -1024).astype(np.int16)
    off = CTVolume(hu, phantom.volume.affine)
    lungs = phantom.lungs
    same, moved = (network_input(volume, lungs, SIZE).image[0] for volume in (phantom.volume, off))
    assert np.abs(same.astype(int) - moved.astype(int)).max() <= 1
    raw = replace(SIZE, batch_effect_removed=False)
    before, after = (network_input(volume, lungs, raw).image[0].mean() for volume in (phantom.volume, off))
    assert after - before == pytest.approx(40 / 2048 * 255, abs=0.5)


def test_the_published_input_shows_kmeans_lungs() -> None:
    phantom = chest_phantom(slices=8, size=256, noise_hu=0.0)
    shown = network_input(phantom.volume, np.zeros_like(phantom.lungs), PAPER_SIZE)
    overlap = 2 * ((shown.lungs > 0) & (phantom.lungs > 0)).sum()
    assert overlap / ((shown.lungs > 0).sum() + (phantom.lungs > 0).sum()) > 0.85


def test_distances_to_the_pleura_are_those_of_a_search_in_breadth() -> None:
    rng = np.random.default_rng(0)
    masks = np.zeros((3, 24, 20), dtype=bool)
    masks[0, 3:20, 2:15] = True
    masks[1] = rng.random((24, 20)) < 0.85
    masks[2, :, :9] = True
    found = distance_map(masks) * SCALE_PIXELS
    for mask, steps in zip(masks, found, strict=True):
        assert np.array_equal(steps, _searched(mask))


@pytest.mark.parametrize(
    "patches", [COARSE, coarse_patches(96), FINE], ids=["coarse", "coarse of small images", "fine"]
)
def test_a_pixel_takes_the_largest_of_all_patches_over_it(patches: Patches) -> None:
    values = np.random.default_rng(1).random((1, 6, 9), dtype=np.float32)
    expected = np.zeros((6 * patches.stride, 9 * patches.stride), np.float32)
    for y, row in enumerate(values[0]):
        for x, value in enumerate(row):
            top, left = (max(0, cell * patches.stride - patches.before) for cell in (y, x))
            bottom, right = (cell * patches.stride - patches.before + patches.size for cell in (y, x))
            part = expected[top:bottom, left:right]
            np.maximum(part, value, out=part)
    assert np.array_equal(painted(values, patches)[0], expected)
    assert np.array_equal(painted(values > 0.8, patches)[0], expected > 0.8)


def test_a_lung_counts_for_no_more_than_its_better_neighbour() -> None:
    """Printed equation (2) would give P of the slice before for every slice."""
    right = np.array([0.9, 0.2, 0.7, 0.8, 0.1])
    found = np.stack([right, np.zeros(5)], axis=1)
    assert softened(found)[:, 0].tolist() == [0.2, 0.2, 0.7, 0.7, 0.1]
    assert of_scan(found) == 0.7
    swapped = np.array([[0.0, 0.9], [0.9, 0.0], [0.0, 0.9]])
    assert of_scan(swapped) == 0.0
    assert of_scan(np.array([[0.3, 0.6]])) == 0.6


def test_maps_of_both_lungs_meet_on_one_grid(views: Views) -> None:
    cells = views.side // FINE.stride
    values = np.full((len(views.crops), cells, cells), 0.25, np.float32)
    values[[crop.lung == LEFT_LUNG for crop in views.crops]] = 0.75
    found = map_of_scan(values, FINE, views)
    _, depth, height, width = views.image.shape
    assert found.shape == (depth, -(-height // 2), -(-width // 2))
    lungs = views.image[1]
    for lung, value in ((RIGHT_LUNG, 0.25), (LEFT_LUNG, 0.75)):
        inside = found[np.nonzero(lungs == lung)[0], *(index // 2 for index in np.nonzero(lungs == lung)[1:])]
        assert (inside == value).mean() > 0.97
    assert (found == 0).mean() > 0.2
    assert by_slice(np.ones(len(views.crops)), views).sum() == len(views.crops)


def _searched(mask: BoolArray) -> FloatArray:
    edged = np.pad(mask, 1)
    steps = np.full(edged.shape, -1, np.float32)
    queue: deque[tuple[int, int]] = deque()
    for y, x in np.argwhere(edged):
        if not (edged[y - 1, x] and edged[y + 1, x] and edged[y, x - 1] and edged[y, x + 1]):
            steps[y, x] = 0
            queue.append((y, x))
    while queue:
        y, x = queue.popleft()
        for there in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if edged[there] and steps[there] < 0:
                steps[there] = steps[y, x] + 1
                queue.append(there)
    return np.maximum(steps, 0)[1:-1, 1:-1]
