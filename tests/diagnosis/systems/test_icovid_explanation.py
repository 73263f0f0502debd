"""Relevance of icovid's input: nothing is lost on the way from the logit to the pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from diagnosis.systems.icovid.explanation import Explainer, shown
from diagnosis.systems.icovid.network import COVID, SIDE_CHANNELS, ICovid, Side


def network_of(side: Side) -> ICovid:
    torch.manual_seed(0)
    return ICovid(side).double().eval().requires_grad_(False)


@pytest.mark.parametrize("side", ["lesions", "types", "none"])
def test_relevance_is_kept_from_the_slices_to_the_pixels(side: Side) -> None:
    """With every share taken of the contributions; half to each branch."""
    network = network_of(side)
    image = torch.rand(3, 1 + SIDE_CHANNELS[side], 20, 28).double()
    explainer = Explainer(network, linear="shared")
    descriptors = network.descriptors(image)
    slices = explainer.of_slices(descriptors)
    pixels = explainer.of_pixels(image, descriptors, slices)
    assert pixels.shape == image.shape
    assert pixels.sum(dim=(1, 2, 3)).tolist() == pytest.approx(slices.sum(dim=1).tolist(), rel=1e-6)
    if side != "none":
        assert float(pixels[:, 0].sum()) == pytest.approx(float(pixels[:, 1:].sum()), rel=1e-6)
        whole = Explainer(network, gating="both", linear="shared").of_pixels(image, descriptors, slices)
        assert torch.allclose(whole, 2 * pixels)


def test_relevance_adds_up_to_the_logit_where_no_bias_and_no_centroid_hold_any() -> None:
    network = network_of("lesions")
    for held in (network.describe[1].bias, network.classes.bias, network.vlad.centroids):
        held.zero_()  # type: ignore[operator]
    image = torch.rand(4, 2, 24, 24).double()
    descriptors = network.descriptors(image)
    explainer = Explainer(network)
    slices = explainer.of_slices(descriptors)
    logit = float(network(image)[0, COVID])
    assert float(slices.sum()) == pytest.approx(logit, rel=1e-6)
    assert float(explainer.of_pixels(image, descriptors, slices).sum()) == pytest.approx(logit, rel=1e-6)


def test_slices_get_gradient_times_input_with_their_assignment_held() -> None:
    network = network_of("none")
    descriptors = torch.rand(5, 512).double().requires_grad_()
    vlad = network.vlad
    shares = vlad.shares(descriptors).detach()
    residuals = shares.T @ descriptors - shares.sum(0)[:, None] * vlad.centroids
    each = residuals.norm(dim=1, keepdim=True).detach()
    vector = (residuals / each / len(each) ** 0.5).flatten()
    (gradient,) = torch.autograd.grad(network.classes(vector)[COVID], descriptors)
    found = Explainer(network).of_slices(descriptors)
    assert torch.allclose(found, (gradient * descriptors).detach())


def test_descriptors_of_a_coarser_format_change_little() -> None:
    network = network_of("lesions").float()
    image = torch.rand(2, 2, 24, 24)
    exact = network.descriptors(image)
    coarse = exact.bfloat16().float()
    explainer = Explainer(network)
    one, other = (
        explainer.of_pixels(image, found, explainer.of_slices(found)).flatten() for found in (exact, coarse)
    )
    assert float((one - other).norm() / one.norm()) < 0.1


def test_what_speaks_for_the_class_is_shown_smoothed_on_half_the_pixels() -> None:
    relevance = np.zeros((2, 32, 32), np.float32)
    relevance[0, 15:17, 15:17] = 4.0
    relevance[1] = -1.0
    found = shown(relevance)
    assert found.shape == (2, 16, 16)
    assert found.dtype == np.float32
    assert float(found.sum()) * 4 == pytest.approx(16.0, rel=0.01)
    assert 0 < float(found[0].max()) < 1
    assert not found[1].any()
