"""The patch networks against Table 1: what patches see, shapes of answers, vicinity, attention."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from diagnosis.systems.patchwise.network import LeastOfPatch, PatchNetwork
from diagnosis.systems.patchwise.patches import COARSE, FINE, PAPER_SIDE, Patches, coarse_patches

SIDE = 64


@pytest.fixture(scope="module")
def network() -> PatchNetwork:
    torch.manual_seed(0)
    return PatchNetwork().eval()


def image(seed: int = 1) -> Tensor:
    return torch.rand((2, 4, SIDE, SIDE), generator=torch.Generator().manual_seed(seed))


def test_every_lung_gets_two_logits_and_every_patch_too(network: PatchNetwork) -> None:
    with torch.no_grad():
        lung, coarse, fine = network(image())
        (alone,) = PatchNetwork(patches=False).eval()(image())
    assert lung.shape == alone.shape == (2, 2)
    assert coarse.shape == (2, 2, SIDE // 8, SIDE // 8)
    assert fine.shape == (2, 2, SIDE // 2, SIDE // 2)


@pytest.mark.parametrize(("third_block", "sees"), [(2, 36), (3, 44)])
def test_a_coarse_cell_sees_44_pixels_with_the_layers_of_table_1_and_36_with_one_less(
    third_block: int, sees: int
) -> None:
    features = PatchNetwork(third_block=third_block).features
    pixels = _seen(torch.nn.Sequential(features.first, features.second, features.third), cell=3)
    assert pixels[-1] - pixels[0] + 1 == sees
    beyond = (sees - COARSE.size) // 2
    assert pixels[0] == 3 * COARSE.stride - COARSE.before - beyond


def test_a_fine_cell_sees_its_own_patch_after_the_first_pool() -> None:
    pixels = _seen(PatchNetwork().features.first, cell=10)
    assert list(pixels) == list(
        range(10 * FINE.stride - FINE.before, 10 * FINE.stride - FINE.before + FINE.size)
    )


@pytest.mark.parametrize("side", [PAPER_SIDE, 96])
def test_the_distance_of_a_patch_is_the_least_within_its_footprint(side: int) -> None:
    values = torch.rand((1, 1, side, side), generator=torch.Generator().manual_seed(2))
    found = LeastOfPatch()(values)[0, 0].numpy()
    assert found.shape == (side // 8, side // 8)
    patches = coarse_patches(side)
    for y, x in np.ndindex(found.shape):
        assert found[y, x] == values[0, 0, _span(y, patches), _span(x, patches)].min()


def test_patches_of_smaller_images_cover_as_much_of_the_lung() -> None:
    assert coarse_patches(PAPER_SIDE) == COARSE
    for side in (32, 64, 96, 128):
        patches = coarse_patches(side)
        assert patches.size / side == pytest.approx(max(COARSE.size / PAPER_SIDE, 8 / side), abs=2 / side)
        assert 8 * 3 - patches.before + (patches.size - 1) / 2 == 8 * 3 + 3.5


def test_patches_know_their_distance_and_what_lies_around_them(network: PatchNetwork) -> None:
    given = image()
    with torch.no_grad():
        features = network.features(given).final
        moved = given.clone()
        moved[:, 3] += 1
        assert torch.allclose(network.features(moved).final[:, -1], features[:, -1] + 1)
        far = given.clone()
        far[:, :3, :8, :8] = 1 - far[:, :3, :8, :8]
        changed = (network.features(far).final - features).abs()[:, :, -1, -1]
    assert features.shape == (2, 385, SIDE // 8, SIDE // 8)
    assert not changed[:, :256].any()
    assert changed[:, 256:384].any()


def test_attention_weighs_patches_between_0_and_1_and_their_sum_or_mean_is_judged(
    network: PatchNetwork,
) -> None:
    with torch.no_grad():
        features = network.features(image())
        summed = network.judge(features)
        assert summed.attention.shape == (2, 1, SIDE // 8, SIDE // 8)
        assert (summed.attention > 0).all()
        assert (summed.attention < 1).all()
        weighed = (summed.attention * features.final).sum(dim=(2, 3))
        assert torch.allclose(summed.logits, network.lung(weighed), atol=1e-5)
        mean = PatchNetwork(pooling="mean").eval()
        mean.load_state_dict(network.state_dict())
        averaged = weighed / summed.attention.sum(dim=(2, 3))
        assert torch.allclose(mean.judge(features).logits, network.lung(averaged), atol=1e-5)


def test_an_untrained_network_neither_dies_nor_shouts(network: PatchNetwork) -> None:
    """Without batch norm, weights have to start at the right size."""
    with torch.no_grad():
        features = network.features(image()).final
        answers = network(image())
    assert 0.2 < float(features[:, :256].std()) < 5
    assert all(float(answer.abs().max()) < 20 for answer in answers)


def _seen(layers: torch.nn.Module, cell: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """The rows of an image that one cell's features depend on."""
    given = torch.rand((1, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(3))
    given.requires_grad_()
    for layer in layers.modules():
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.constant_(layer.weight, 0.01)
    smooth = [torch.nn.AvgPool2d(2) if isinstance(m, torch.nn.MaxPool2d) else m for m in _leaves(layers)]
    torch.nn.Sequential(*smooth)(given)[0, :, cell, cell].sum().backward()
    assert given.grad is not None
    return np.flatnonzero(given.grad.abs().sum(dim=(0, 1, 3)).numpy())


def _leaves(layers: torch.nn.Module) -> list[torch.nn.Module]:
    return [layer for layer in layers.modules() if not list(layer.children())]


def _span(cell: int, patches: Patches) -> slice:
    start = cell * patches.stride - patches.before
    return slice(max(0, start), start + patches.size)
