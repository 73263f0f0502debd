"""Run the lobe network over both lungs: for each lung, how likely every lobe of its side is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor, nn

from diagnosis.inference import device_of_choice, fold_batch_norm, loaded
from diagnosis.lungs.lobe_input import LobeCase
from diagnosis.lungs.lobe_network import LobeUNet
from diagnosis.results import SIDE_LOBES
from diagnosis.volume import BoolArray, FloatArray
from diagnosis.weight_files import Header
from diagnosis.weights import load_weights

_SMALLEST_PART = 0.1
"""Pieces of a lobe smaller than this part of its largest piece go to the lobe around them."""


def lobe_shares(weights: Path, case: LobeCase) -> tuple[Mapping[int, FloatArray], Header]:
    """Return, for each side, the probabilities of its lobes ``[lobe, z, y, x]`` on the network's grid, and
    the header of the weights. Raises RefusedInput (``bad_weights``)."""
    network, header = loaded(weights, lobe_network)
    given = torch.from_numpy(case.values)[None].to(device_of_choice())
    with torch.inference_mode():
        logits = network(given)[0].float().cpu()
    return {side: _among(logits, case, side) for side in SIDE_LOBES}, header


def lobe_network(weights: Path) -> tuple[nn.Module, Header]:
    """Return the network ready to read, on the device of choice, and the header of its weights."""
    network = LobeUNet()
    header = load_weights(weights, network, "lobes")
    return fold_batch_norm(network.eval()).to(device_of_choice()), header


def _among(logits: Tensor, case: LobeCase, side: int) -> FloatArray:
    lobes = SIDE_LOBES[side]
    shares = np.asarray(torch.softmax(logits[list(lobes)], dim=0).numpy())
    lung = case.values[side] > 0
    best = shares.argmax(axis=0)
    for number in range(len(lobes)):
        shares[number][_islands(lung & (best == number))] = 0
    return shares


def _islands(mask: BoolArray) -> BoolArray:
    labels, _ = ndimage.label(mask)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    small = sizes < _SMALLEST_PART * sizes.max()
    small[0] = False
    return np.asarray(small[labels])
