"""DeCoVNet's networks: first weights, every size of scan, what the weights of the activation map are."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from diagnosis.systems.decovnet.network import COVID, DeCoVNet, Head


def small(head: Head = "released") -> DeCoVNet:
    """A network whose head costs little: what is tested does not depend on the size of its grids."""
    torch.manual_seed(0)
    return DeCoVNet(head, shrink=4).eval()


@pytest.mark.parametrize(
    ("slices", "height", "width"), [(2, 8, 8), (3, 17, 31), (15, 9, 16), (31, 33, 25), (1000, 8, 8)]
)
def test_every_size_of_scan_is_read(slices: int, height: int, width: int) -> None:
    network = small()
    with torch.inference_mode():
        features = network.features(torch.rand(1, 2, slices, height, width))
        logits = network.classify(features)
    assert features.shape == (1, 128, slices // 2, -(-height // 8), -(-width // 8))
    assert float(features.min()) >= 0
    assert logits.shape == (1, 2)
    assert bool(torch.isfinite(logits).all())


def test_one_slice_is_no_scan() -> None:
    with pytest.raises(ValueError, match="at least 2 slices, not 1"):
        small()(torch.zeros(1, 2, 1, 16, 16))


@pytest.mark.parametrize(("head", "dropout"), [("released", 0.0), ("paper", 0.5)])
def test_each_head_has_its_own_dropout(head: Head, dropout: float) -> None:
    def share(network: DeCoVNet) -> float:
        (layer,) = [layer for layer in network.modules() if isinstance(layer, nn.Dropout3d)]
        return layer.p

    assert share(DeCoVNet(head)) == dropout
    assert share(DeCoVNet(head, dropout=0.25)) == 0.25


def test_first_weights_are_the_published_ones() -> None:
    """MSRA for convolutions, zero for the last norm of each block, N(0, 0.01) for linear layers."""
    network = small()
    for layer in network.modules():
        if isinstance(layer, nn.Conv3d):
            expected = (2 / layer.weight[0].numel()) ** 0.5
            assert float(layer.weight.detach().std()) == pytest.approx(expected, rel=0.15)
        if isinstance(layer, nn.Linear):
            assert float(layer.weight.detach().std()) == pytest.approx(0.01, rel=0.3)
    for block in (network.backbone.first, network.backbone.second):
        assert isinstance(block.path[-1], nn.BatchNorm3d)
        assert not block.path[-1].weight.any()


@pytest.mark.parametrize("head", ["released", "paper"])
def test_without_pools_paddings_and_activations_the_effective_weights_are_the_head(head: Head) -> None:
    """Kernels with one entry in the middle, nothing negative, one vector everywhere: the head is linear."""
    network = small(head)
    with torch.no_grad():
        for layer in network.head:
            if isinstance(layer, nn.Conv3d):
                middle = layer.weight[:, :, 1, 1, 1].abs()
                layer.weight.zero_()
                layer.weight[:, :, 1, 1, 1] = middle
        vector = torch.rand(128)
        logits = network.classify(vector[None, :, None, None, None].expand(-1, -1, 3, 4, 5))
        averaged = float(vector @ network.effective_weights())
    assert float(logits[0, COVID]) == pytest.approx(27**3 * averaged, rel=1e-4)


@pytest.mark.parametrize(("shrink", "grid"), [(1, (4, 14, 21)), (4, (4, 4, 5))])
def test_the_papers_second_pool_leaves_no_cell_of_the_first_grid_out(
    shrink: int, grid: tuple[int, int, int]
) -> None:
    network = DeCoVNet("paper", shrink=shrink)
    with torch.inference_mode():
        pooled = network.head[:4](torch.rand(1, 128, 3, 14, 21))
    assert pooled.shape == (1, 64, *grid)
