"""What DeCoVNet sees: grey values, mask, place and slices of its input; the same features in chunks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from diagnosis.geometry import RefusedInput
from diagnosis.systems.decovnet.chunking import features_of
from diagnosis.systems.decovnet.network import DeCoVNet
from diagnosis.systems.decovnet.preprocessing import InputSize, as_tensor, network_input
from diagnosis.volume import CTVolume, LabelArray, millimetres, spacing_of

SIZE = InputSize(40, 60, None)


def scan(slices: int = 9, step_mm: float = 5.0) -> tuple[CTVolume, LabelArray]:
    """Lungs in voxels 1..slices-2, 4..43, 6..65 of a turned grid; grey follows y, then one bright block."""
    hu = np.full((slices, 50, 70), 40, np.int16)
    lungs = np.zeros(hu.shape, np.uint8)
    inside = (slice(1, slices - 1), slice(4, 44), slice(6, 66))
    lungs[inside] = 1
    lungs[:, :, 40:][lungs[:, :, 40:] > 0] = 2
    hu[inside] = -900
    hu[2:4, 20:24, 10:16] = 600
    affine = np.array([[0, -0.8, 0, 30], [1.5, 0, 0, -20], [0, 0, step_mm, 7], [0, 0, 0, 1.0]])
    return CTVolume(hu, affine), lungs


def test_the_box_of_the_lungs_fills_the_matrix() -> None:
    volume, lungs = scan()
    shown = network_input(volume, lungs, SIZE)
    assert shown.image.shape == (2, 7, 40, 60)
    assert shown.image.dtype == np.uint8
    assert (shown.image[1] == 1).all()
    assert set(np.unique(shown.image[0])) == {round(300 / 1800 * 255), 255}
    bright = np.argwhere(shown.image[0] == 255)
    assert bright.min(axis=0).tolist() == [1, 16, 4]
    assert bright.max(axis=0).tolist() == [2, 19, 9]
    assert millimetres(shown.affine, (1, 16, 4)) == pytest.approx(millimetres(volume.affine, (2, 20, 10)))


@pytest.mark.parametrize("size", [InputSize(20, 30, None), InputSize(80, 90, None), InputSize(13, 17, 12.0)])
def test_other_sizes_keep_the_place(size: InputSize) -> None:
    """The centre of gravity of the bright block is the same in mm, and the box has the same corners."""
    volume, lungs = scan(slices=11)
    shown = network_input(volume, lungs, size)
    grey = shown.image[0].astype(float) - shown.image[0].min()
    centre = [float((grey * index).sum() / grey.sum()) for index in np.indices(grey.shape)]
    found, true = (
        millimetres(shown.affine, (centre[0], centre[1], centre[2])),
        millimetres(volume.affine, (2.5, 21.5, 12.5)),
    )
    assert found[:2] == pytest.approx(true[:2], abs=0.8)
    assert found[2] == pytest.approx(true[2], abs=spacing_of(shown.affine)[0] / 2)
    depth, height, width = grey.shape
    assert (height, width) == (size.height, size.width)
    assert millimetres(shown.affine, (-0.5, -0.5, -0.5)) == pytest.approx(
        millimetres(volume.affine, (0.5, 3.5, 5.5))
    )
    end = millimetres(shown.affine, (depth - 0.5, height - 0.5, width - 0.5))
    assert end[:2] == pytest.approx(millimetres(volume.affine, (9.5, 43.5, 65.5))[:2])


@pytest.mark.parametrize(
    ("slices", "step_mm", "slice_mm", "even", "expected"),
    [
        (42, 1.0, 4.5, False, 8),  # pools of five
        (42, 1.0, None, False, 40),
        (12, 5.0, 4.5, False, 10),  # thicker ones stay
        (12, 5.0, 1.0, True, 50),
        (42, 0.5, 1.0, True, 20),
        (4, 1.0, 4.5, False, 2),  # never fewer than two
        (3, 1.0, 4.5, False, 2),  # one slice of lung is repeated
        (3, 0.4, 1.0, True, 2),
    ],
)
def test_slices_are_pooled_kept_or_interpolated(
    slices: int, step_mm: float, slice_mm: float | None, even: bool, expected: int
) -> None:
    volume, lungs = scan(slices, step_mm)
    shown = network_input(volume, lungs, replace(SIZE, slice_mm=slice_mm, even=even))
    assert shown.image.shape[1] == expected
    assert (shown.image[1] == 1).all()


def test_lungs_of_one_side_are_enough_and_none_are_refused() -> None:
    volume, lungs = scan()
    assert network_input(volume, np.where(lungs == 1, lungs, 0).astype(np.uint8), SIZE).image[1].all()
    with pytest.raises(RefusedInput, match="No lungs found") as caught:
        network_input(volume, np.zeros_like(lungs), SIZE)
    assert caught.value.code == "no_lungs"


def test_long_scans_take_no_more_than_they_need() -> None:
    """Every slice of a scan longer than one slab is itself."""
    volume, lungs = scan(slices=40)
    hu = volume.hu.copy()
    hu[1:-1] = (np.arange(38) * 40 - 1150)[:, None, None]
    shown = network_input(CTVolume(hu, volume.affine), lungs, SIZE)
    assert np.abs(shown.image[0, :, 5, 5] - (np.arange(38) * 40 + 50) / 1800 * 255).max() < 1


@pytest.mark.parametrize(("slices", "chunk"), [(2, 64), (37, 8), (37, 12), (65, 32), (9, 2)])
def test_features_in_chunks_are_those_of_one_pass(slices: int, chunk: int) -> None:
    torch.manual_seed(1)
    network = DeCoVNet(shrink=4).eval()
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, torch.nn.BatchNorm3d):  # nothing may hide behind fresh norms
                layer.weight.uniform_(0.5, 1.5)
                layer.bias.uniform_(-0.5, 0.5)
                layer.running_mean.uniform_(-0.2, 0.2)  # type: ignore[union-attr]
    image = np.random.default_rng(slices).integers(0, 255, (2, slices, 17, 24)).astype(np.uint8)
    image[1] &= 1
    with torch.no_grad():
        whole = network.features(as_tensor(image))
        parts = features_of(network.features, image, chunk=chunk)
    torch.testing.assert_close(parts, whole, rtol=1e-5, atol=1e-5)
