"""Augmentation: one geometric transform for all slices and labels of a sample, HU within narrow bounds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from diagnosis.training.augmentation import (
    AIR_HU,
    TRANSFER,
    Draws,
    augment,
    blur,
    degrade,
    mix_neighbours,
    move,
)

CPU = torch.device("cpu")
STILL = replace(
    TRANSFER, rotation_degrees=0, zoom=(1.0, 1.0), anisotropy=0, shear=0, shift=0, elastic=0, flip=0
)
CLEAN = replace(
    TRANSFER, gamma=0, field_hu=0, blur_pixels=0, sharpening=0, lowest_resolution=0.9,
    noise_hu=(1e-3, 1e-3), streaks_hu=0, offset_hu=0, gain=0,
)  # fmt: skip


def draws(seed: int = 0) -> Draws:
    return Draws(np.random.default_rng(seed), CPU)


def disc(size: int = 64) -> torch.Tensor:
    """A bright disc off the middle, [1, 1, y, x] in HU."""
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    inside = (y - 0.4 * size) ** 2 + (x - 0.35 * size) ** 2 < (0.18 * size) ** 2
    return torch.where(inside, 0.0, AIR_HU)[None, None]


def test_all_slices_of_a_sample_move_alike_and_labels_with_them() -> None:
    images = disc().repeat(6, 3, 1, 1)
    labels = (images[:, :1] > -500).to(torch.uint8).repeat(1, 2, 1, 1)

    moved, turned = move(images, labels, draws())

    assert torch.equal(moved[:, 0], moved[:, 1])
    assert torch.equal(moved[:, 0], moved[:, 2])
    assert torch.equal(turned[:, 0], turned[:, 1])
    agree = ((moved[:, 0] > -500) == (turned[:, 0] > 0)).float().mean()
    assert agree > 0.985
    assert len({float(sample.float().mean()) for sample in turned[:, 0]}) == 6


def test_without_ranges_nothing_moves() -> None:
    images = disc().repeat(2, 3, 1, 1)
    labels = (images[:, :1] > -500).to(torch.uint8)

    moved, turned = move(images, labels, draws(), STILL)

    torch.testing.assert_close(moved, images, atol=0.02, rtol=0)
    assert torch.equal(turned, labels)


def test_a_flip_mirrors_left_and_right_only() -> None:
    images = disc().repeat(1, 3, 1, 1)

    moved, _ = move(images, images[:, :1].to(torch.uint8), draws(), replace(STILL, flip=1.0))

    torch.testing.assert_close(moved, images.flip(-1), atol=0.02, rtol=0)


@pytest.mark.parametrize("zoom", [0.85, 1.65])
def test_zoom_is_magnification(zoom: float) -> None:
    labels = (disc(128) > -500).to(torch.uint8)

    _, turned = move(disc(128), labels, draws(), replace(STILL, zoom=(zoom, zoom)))

    assert float(turned.sum()) == pytest.approx(float(labels.sum()) * zoom**2, rel=0.03)


def test_a_part_keeps_the_size_of_pixels() -> None:
    image = disc(128)
    for seed in range(4):
        _, turned = move(image, (image > -500).to(torch.uint8), draws(seed), STILL, (112, 112))
        assert turned.shape == (1, 1, 112, 112)
        assert float(turned.sum()) == pytest.approx(float((image > -500).sum()), rel=0.03)


def test_air_comes_in_from_outside() -> None:
    images = torch.zeros(1, 3, 32, 32)

    moved, _ = move(images, images[:, :1].to(torch.uint8), draws(), replace(STILL, zoom=(0.5, 0.5)))

    assert float(moved[0, 0, 0, 0]) == AIR_HU
    assert float(moved[0, 0, 16, 16]) == 0


def test_mixing_stays_between_neighbours() -> None:
    images = torch.tensor([0.0, 100.0, 200.0]).reshape(1, 3, 1, 1).repeat(50, 1, 4, 4)

    mixed = mix_neighbours(images, draws())

    middle = mixed[:, 1, 0, 0]
    assert float((middle - 100).abs().max()) <= 100 * TRANSFER.mixing
    assert 0.2 < float((middle != 100).float().mean()) < 0.8
    assert float(middle.min()) < 100 < float(middle.max())


def test_calibration_stays_within_its_bounds() -> None:
    ranges = replace(CLEAN, offset_hu=TRANSFER.offset_hu, gain=TRANSFER.gain)
    images = torch.full((40, 3, 16, 16), -1000.0)
    images[..., 8:] = 0.0

    changed = degrade(images, draws(), ranges)

    air, water = changed[..., :6].mean(dim=(1, 2, 3)), changed[..., 10:].mean(dim=(1, 2, 3))
    assert float((air + 1000).abs().max()) <= 22.1
    assert float(((water - air) / 1000 - 1).abs().max()) <= 0.041
    assert float(air.std()) > 5


def test_noise_has_the_deviation_that_was_drawn() -> None:
    ranges = replace(CLEAN, noise_hu=(30.0, 30.0))

    changed = degrade(torch.zeros(20, 1, 64, 64), draws(), ranges)

    deviations = changed.std(dim=(1, 2, 3))
    noisy = deviations[deviations > 5]
    assert 10 <= len(noisy) <= 20
    assert float((noisy - 30).abs().max()) < 1.5


def test_blur_keeps_the_mean_and_spreads_as_a_gaussian() -> None:
    image = torch.zeros(1, 1, 41, 41)
    image[0, 0, 20, 20] = 1

    smooth = blur(image, 1.0, 0.0)[0, 0]

    assert float(smooth.sum()) == pytest.approx(1)
    assert float((smooth[:, 20] * (torch.arange(41) - 20) ** 2).sum()) == pytest.approx(1.0, abs=0.25)
    assert float(smooth[:, 19].sum()) == 0


def test_one_seed_gives_one_batch() -> None:
    images = disc().repeat(4, 3, 1, 1)
    labels = (images[:, :1] > -500).to(torch.uint8)

    first, second, other = (augment(images, labels, draws(seed)) for seed in (1, 1, 2))

    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    assert not torch.equal(first[0], other[0])
    assert first[0].isfinite().all()
