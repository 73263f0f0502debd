"""The multi-scale network: sizes of slices, levels, what a score is."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from diagnosis.systems.multiscale.network import LEVELS, MultiscaleNetwork, stride_of


def network() -> MultiscaleNetwork:
    torch.manual_seed(0)
    return MultiscaleNetwork().eval()


@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 31), (40, 56)])
def test_every_size_of_slice_is_read(height: int, width: int) -> None:
    net = network()
    with torch.inference_mode():
        maps = net.maps(torch.rand(2, 1, height, width))
        scores = net(torch.rand(2, 1, height, width))
    assert [stride_of(level) for level in maps] == [4, 8, 16]
    for level, values in maps.items():
        assert values.shape == (2, 3, height // stride_of(level), width // stride_of(level))
    assert scores.shape == (2, 3)


def test_scores_are_the_maxima_of_the_maps_added_up() -> None:
    net, image = network(), torch.rand(2, 1, 32, 48)
    with torch.inference_mode():
        maps = net.maps(image)
        torch.testing.assert_close(net(image), sum(values.amax(dim=(2, 3)) for values in maps.values()))
        torch.testing.assert_close(net.scores(image, [4]), maps[4].amax(dim=(2, 3)))


def test_a_single_scale_ends_at_its_level() -> None:
    """What lies deeper is not computed, and not even built where no level needs it."""
    net, image = network(), torch.rand(1, 1, 32, 32)
    with torch.inference_mode():
        for layer in net.blocks[3].modules():
            if isinstance(layer, nn.Conv2d):
                layer.weight.fill_(torch.nan)
        assert net.scores(image, [3]).isfinite().all()
        assert not net(image).isfinite().any()
    assert [len(MultiscaleNetwork(2, [level]).blocks) for level in LEVELS] == [3, 4, 5]


def test_a_cell_sees_what_lies_around_it() -> None:
    """The centre of a cell lies in the middle of its block of pixels: 40 pixels decide at Conv3."""
    net = MultiscaleNetwork(1, [3]).eval().double()
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            layer.weight.data.fill_(1.0)
    image = torch.ones(1, 1, 64, 64, dtype=torch.float64, requires_grad=True)
    net.maps(image)[3][0, 0, 8, 8].backward()
    assert image.grad is not None
    seen = torch.nonzero(image.grad[0, 0])
    assert seen.min() >= 8 * 4 - 18
    assert seen.max() <= 8 * 4 + 3 + 18
