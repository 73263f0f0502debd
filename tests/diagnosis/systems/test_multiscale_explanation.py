"""Class maps, joint saliency and boxes of the multi-scale classifier, each against its definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from diagnosis.systems.multiscale.explanation import (
    blurred,
    boxes_around,
    class_evidence,
    joint_saliency,
    map_affine,
    salient,
)
from diagnosis.systems.multiscale.network import MultiscaleNetwork
from diagnosis.systems.multiscale.spec import CLASSES, COVID
from diagnosis.volume import BoolArray, FloatArray


def test_the_joint_saliency_is_the_product_of_the_levels() -> None:
    torch.manual_seed(2)
    network = MultiscaleNetwork().eval().requires_grad_(False)
    image, steps = torch.rand(1, 1, 16, 32), 3
    image[..., :8] = 0
    product = torch.ones(1, 1, 16, 32)
    for level in network.levels:
        total = torch.zeros_like(image)
        for number in range(1, steps + 1):
            point = (image * number / steps).requires_grad_()
            network.scores(point, [level])[0, CLASSES.index(COVID)].backward()
            assert point.grad is not None
            total += point.grad
        product = product * image * total / steps
    found = joint_saliency(network, image, COVID, steps=steps)
    np.testing.assert_allclose(
        found, product[0, 0].numpy(), rtol=1e-3, atol=1e-3 * float(product.abs().max())
    )
    assert not found[:, :8].any()
    together = joint_saliency(network, image, COVID, steps=steps, at_once=3)
    np.testing.assert_allclose(together, found, rtol=1e-3, atol=1e-3 * np.abs(found).max())


def test_a_network_in_half_precision_takes_the_same_image() -> None:
    torch.manual_seed(2)
    network = MultiscaleNetwork(levels=(3,)).eval().requires_grad_(False)
    image = torch.rand(1, 1, 16, 16)
    exact = joint_saliency(network, image, COVID, steps=2)
    found = joint_saliency(network.bfloat16(), image, COVID, steps=2)
    assert found.dtype == np.float32
    assert np.corrcoef(found.ravel(), exact.ravel())[0, 1] > 0.9


def test_evidence_is_what_passes_the_score_of_no_pneumonia() -> None:
    maps = np.zeros((1, 3, 2, 2), np.float32)
    maps[0, :, 0] = [[5, 2], [1, 1], [3, 4]]
    assert class_evidence(maps, "COVID-19")[0].tolist() == [[2, 0], [0, 0]]
    assert not class_evidence(maps, "CAP").any()


@pytest.mark.parametrize(("level", "pixels"), [(3, 4), (4, 8), (5, 16)])
def test_a_cell_lies_in_the_middle_of_its_pixels(level: int, pixels: int) -> None:
    affine = np.array([[1.5, 0, 0, 10], [0, -1.5, 0, 20], [0, 0, 5, -30], [0, 0, 0, 1.0]])
    cells = map_affine(affine, level)  # type: ignore[arg-type]
    middle = affine @ np.array([(pixels - 1) / 2, (pixels - 1) / 2, 0, 1])
    np.testing.assert_allclose(cells[:, 3], middle)
    np.testing.assert_allclose(np.diag(cells)[:3], [1.5 * pixels, -1.5 * pixels, 5])


def isodata(values: FloatArray) -> float:
    """The published rule by iteration from below: midway between the means of both sides."""
    threshold = float(values.min())
    while True:
        found = (float(values[values > threshold].mean()) + float(values[values <= threshold].mean())) / 2
        if abs(found - threshold) < 1e-4:
            return found
        threshold = found


def spots() -> FloatArray:
    """Two bright blocks, one with a pinhole, a lone bright pixel, and a dim ground."""
    values = np.random.default_rng(0).uniform(0, 0.1, (60, 50)).astype(np.float32)
    values[10:20, 5:15] = 0.9
    values[14, 9] = 0
    values[30:36, 30:44] = 0.7
    values[50, 40] = 0.9
    return values * np.float32(1e-9)


def test_what_stands_out_is_above_isodata_closed_and_large_enough() -> None:
    values = spots()
    mask = salient(values)
    expected: BoolArray = values > 1e-9 * isodata(values * np.float32(1e9))
    expected[14, 9], expected[50, 40] = True, False
    np.testing.assert_array_equal(mask, expected)
    assert boxes_around(mask) == [(slice(10, 20), slice(5, 15)), (slice(30, 36), slice(30, 44))]
    assert not salient(np.zeros((20, 20), np.float32)).any()


def test_saliency_of_both_signs_is_smoothed_over_five_pixels() -> None:
    point = np.zeros((9, 9), np.float32)
    point[4, 4] = -2
    smooth = blurred(point)
    assert np.argwhere(smooth).min(axis=0).tolist() == [2, 2]
    assert np.argwhere(smooth).max(axis=0).tolist() == [6, 6]
    assert float(smooth.sum()) == pytest.approx(2)
    np.testing.assert_allclose(smooth, smooth.T)
