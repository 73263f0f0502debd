"""Class activation map of DeCoVNet (Wang et al., TMI 2020, section III-D)."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from diagnosis.systems.decovnet.network import COVID, REDUCTION, DeCoVNet
from diagnosis.volume import Affine, FloatArray

Cam = Literal["released", "gradient"]


def activation_map(network: DeCoVNet, features: Tensor, cam: Cam) -> FloatArray:
    """Return raw evidence for COVID-19, float32 ``[z, y, x]`` on the grid of the features, never negative.

    ``features`` are those of one scan, ``[1, 128, z, y, x]``; the map is their weighted sum, rectified. It is
    not divided by its maximum, as the paper does: a scan without disease has a maximum too. ``released``
    weighs by `DeCoVNet.effective_weights`, ``gradient`` by the mean gradient of the logit of COVID-19
    (Grad-CAM, Selvaraju et al., 2017), which follows the pools and activations of this scan.
    """
    weights = network.effective_weights() if cam == "released" else _gradient_weights(network, features)
    with torch.no_grad():
        summed = torch.einsum("c,czyx->zyx", weights.float(), features[0].float())
        return np.asarray(summed.relu().cpu().numpy(), dtype=np.float32)


def features_affine(affine: Affine) -> Affine:
    """Return where features lie, given the affine of the input: at the centres of what they see.

    Convolutions and pools of odd size with half of it as padding leave the first cell over the first voxel
    of a row, so cell j lies over voxel 8j (not in the middle of a block of eight, which would move the map
    by half a block). Along z pairs are pooled, and a cell lies in the middle of its pair.
    """
    dz, dy, dx = REDUCTION
    cells = affine.copy()
    cells[:3, :3] = affine[:3, :3] * np.array([dx, dy, dz])
    cells[:3, 3] += affine[:3, 2] * ((dz - 1) / 2)
    return cells


def _gradient_weights(network: DeCoVNet, features: Tensor) -> Tensor:
    with torch.enable_grad():
        given = features.detach().clone().requires_grad_()
        (gradient,) = torch.autograd.grad(network.classify(given)[0, COVID], given)
    return torch.as_tensor(gradient[0].float().mean(dim=(1, 2, 3)))
