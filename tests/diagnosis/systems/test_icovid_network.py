"""icovid's networks: gate, pyramid, NetVLAD, the autoencoder, and the encoder that both share."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from diagnosis.systems.icovid.cvae import CVAE, LATENT, Encoded, Prior
from diagnosis.systems.icovid.network import (
    CLUSTERS,
    DESCRIPTOR,
    FEATURES,
    SIDE_CHANNELS,
    SPP_COUNT,
    Gate,
    ICovid,
    NetVLAD,
    Side,
    SpatialPyramidPool,
)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("side", ["lesions", "types", "none"])
@pytest.mark.parametrize(("slices", "height", "width"), [(1, 4, 4), (3, 17, 31)])
def test_every_size_and_number_of_slices_is_read(side: Side, slices: int, height: int, width: int) -> None:
    network = ICovid(side, SPP_COUNT).eval()
    image = torch.rand(slices, 1 + SIDE_CHANNELS[side], height, width)
    with torch.inference_mode():
        features = network.encoder(image)
        assert features.shape == (slices, FEATURES, height // 4, width // 4)
        assert float(features.min()) >= 0
        assert network.descriptors(image).shape == (slices, DESCRIPTOR)
        logits = network(image)
        assert logits.shape == (1, 2)
        assert torch.allclose(network(image.flip(0)), logits, atol=1e-6), "the order of slices says nothing"


def test_two_negative_features_open_the_gate() -> None:
    found = Gate()(torch.tensor([2.0, -2.0, 2.0, -1.0]), torch.tensor([3.0, 3.0, -1.0, -0.5]))
    assert found.tolist() == [6.0, 0.0, 0.0, 0.5]


def test_the_pyramid_holds_the_largest_value_of_each_cell() -> None:
    features = torch.arange(2 * 4 * 6.0).reshape(1, 2, 4, 6)
    found = SpatialPyramidPool((2, 1))(features)[0]
    assert found.tolist() == [8, 11, 20, 23, 32, 35, 44, 47, 23, 47]


def test_netvlad_sums_residuals_to_its_centroids() -> None:
    layer = NetVLAD(descriptor=5, clusters=3).double()
    descriptors = torch.randn(4, 5).double()
    shares = (descriptors @ layer.assign.weight.T + layer.assign.bias).softmax(1)
    clusters = []
    for cluster in range(3):
        total = torch.zeros(5).double()
        for one, share in zip(descriptors, shares, strict=True):
            total += share[cluster] * (one - layer.centroids[cluster])
        clusters.append(total / total.norm())
    expected = torch.cat(clusters)
    assert torch.allclose(layer(descriptors)[0], expected / expected.norm())
    assert torch.allclose(layer.shares(descriptors), shares)


@pytest.mark.parametrize("prior", ["normal", "label"])
def test_the_autoencoder_gives_slices_and_learns_from_both_parts_of_its_bound(prior: Prior) -> None:
    network = CVAE("lesions", 32, prior)
    image = torch.rand(3, 2, 32, 32)
    made, encoded = network(image, torch.tensor([0, 1, 1]))
    assert made.shape == (3, 1, 32, 32)
    assert encoded.mean.shape == (3, LATENT)
    (((made - image[:, :1]) ** 2).sum() + encoded.divergence().sum()).backward()
    assert all(weight.grad is not None and bool(weight.grad.any()) for weight in network.parameters())
    spread = torch.equal(encoded.prior_mean[0], encoded.prior_mean[1])
    assert spread == (prior == "normal")
    assert torch.equal(encoded.prior_mean[1], encoded.prior_mean[2])


def test_the_divergence_is_that_of_gaussians() -> None:
    mean, log_variance, prior_mean, prior_log_variance = torch.randn(4, 2, LATENT)
    encoded = Encoded(mean, log_variance, prior_mean, prior_log_variance)
    posterior = Normal(mean, (0.5 * log_variance).exp())
    prior = Normal(prior_mean, (0.5 * prior_log_variance).exp())
    assert torch.allclose(encoded.divergence(), kl_divergence(posterior, prior).sum(1), rtol=1e-4)
    draws = torch.stack([encoded.sample() for _ in range(4000)])
    assert torch.allclose(draws.mean(0), mean, atol=0.3)
    assert torch.allclose(draws.std(0), posterior.stddev, rtol=0.1)


def test_the_classifier_starts_from_the_encoder_of_the_autoencoder() -> None:
    taught, network = CVAE("types", 16), ICovid("types")
    network.encoder.load_state_dict(taught.encoder.state_dict())
    image = torch.rand(2, 5, 16, 16)
    assert torch.equal(network.encoder(image), taught.encoder(image))


def test_a_side_that_can_not_be_halved_three_times_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 8 pixels, not 36"):
        CVAE("lesions", 36)
    assert NetVLAD().centroids.shape == (CLUSTERS, DESCRIPTOR)
