"""The conditional variational autoencoder of Berenguer et al., Figure 3: first weights of the classifier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from diagnosis.systems.icovid.network import FEATURES, REDUCTION, Encoder, Side

Prior = Literal["normal", "label"]
"""``normal``: N(0, 1). ``label``: a Gaussian of its own for each class, learned. The printed prior p(z|x, y)
has the same conditions as the posterior, so their divergence could vanish for every input."""
LATENT = 16
CLASSES = 2
_WIDTH = 64
_DEPTH = 2 * REDUCTION
"""Pixels per cell of the smallest map: one more pool than the classifier has."""
_SLOPE = 0.01


@dataclass(frozen=True, slots=True)
class Encoded:
    """Gaussians of the latent variables, each ``[n, 16]``: the posterior of the slices, and the prior."""

    mean: Tensor
    log_variance: Tensor
    prior_mean: Tensor
    prior_log_variance: Tensor

    def divergence(self) -> Tensor:
        """Return the Kullback-Leibler divergence of the posterior from the prior, ``[n]``, in nats."""
        wider = self.log_variance - self.prior_log_variance
        apart = (self.mean - self.prior_mean) ** 2 / self.prior_log_variance.exp()
        return 0.5 * (wider.exp() + apart - 1 - wider).sum(dim=1)

    def sample(self) -> Tensor:
        """Return one draw of the posterior, ``[n, 16]``, through which gradients flow."""
        return self.mean + torch.randn_like(self.mean) * (0.5 * self.log_variance).exp()


class CVAE(nn.Module):
    """Slices and labels in, the CT of the slices out.

    Slices as `Encoder` takes them, ``side_px`` (a multiple of 8) along y and x. The decoder starts from a
    linear layer, which the paper does not state; a transposed convolution of 2 x 2 adds a row and a column,
    cut before the last interpolation.
    """

    def __init__(self, side: Side = "lesions", side_px: int = 256, prior: Prior = "normal") -> None:
        super().__init__()
        if side_px % _DEPTH:
            raise ValueError(f"the side of a slice must be a multiple of {_DEPTH} pixels, not {side_px}")
        self._cells = side_px // _DEPTH
        flat = FEATURES * self._cells**2
        self.encoder = Encoder(side)
        self.shrink = nn.Sequential(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(flat, _WIDTH), nn.ReLU())
        self.embed = nn.Sequential(nn.Linear(CLASSES, _WIDTH), nn.ReLU())
        self.merge = nn.Sequential(nn.Linear(2 * _WIDTH, _WIDTH), nn.ReLU())
        self.context = nn.Sequential(nn.Linear(_WIDTH, _WIDTH), nn.Sigmoid())
        self.posterior = nn.Linear(_WIDTH, 2 * LATENT)
        self.prior = nn.Linear(CLASSES, 2 * LATENT) if prior == "label" else None
        self.expand = nn.Linear(LATENT, flat)
        self.decoder = nn.ModuleList([
            nn.ConvTranspose2d(FEATURES, 32, 3, padding=1),
            nn.ConvTranspose2d(32, 16, 3, padding=1),
            nn.ConvTranspose2d(16, 1, 2),
        ])  # fmt: skip

    def forward(self, image: Tensor, labels: Tensor) -> tuple[Tensor, Encoded]:
        """Return the CT of the slices as one draw gives it, ``[n, 1, y, x]``, and the Gaussians.

        ``labels`` int64 ``[n]``: 1 for slices of scans with COVID-19.
        """
        encoded = self.encode(image, labels)
        return self.decode(encoded.sample()), encoded

    def encode(self, image: Tensor, labels: Tensor) -> Encoded:
        """Return the Gaussians of the latent variables (equations 2 to 5)."""
        return self.gaussians(self.encoder(image), labels)

    def gaussians(self, features: Tensor, labels: Tensor) -> Encoded:
        """Return the Gaussians of the latent variables of gated features (equations 3 to 5)."""
        known = functional.one_hot(labels, CLASSES).to(features.dtype)
        merged = self.merge(torch.cat([self.shrink(features), self.embed(known)], dim=1))
        mean, log_variance = self.posterior(merged * self.context(merged)).chunk(2, dim=1)
        if self.prior is None:
            return Encoded(mean, log_variance, torch.zeros_like(mean), torch.zeros_like(mean))
        return Encoded(mean, log_variance, *self.prior(known).chunk(2, dim=1))

    def decode(self, latent: Tensor) -> Tensor:
        """Return the CT of slices, ``[n, 1, y, x]`` around 0..1, from latent variables ``[n, 16]``."""
        features = self.expand(latent).unflatten(1, (FEATURES, self._cells, self._cells))
        for layer in self.decoder:
            height, width = features.shape[-2:]
            features = functional.leaky_relu(layer(features), _SLOPE)[..., :height, :width]
            features = functional.interpolate(features, scale_factor=2, mode="bilinear")
        return torch.as_tensor(features)
