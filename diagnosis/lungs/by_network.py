"""Lungs by a trained network: the 2-D U-Net slice by slice, or the DeepMedic-type one in blocks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from diagnosis.inference import SliceReader, device_of_choice, loaded, sliding_window
from diagnosis.lungs.chest import Chest, chest_of, with_sides
from diagnosis.lungs.deepmedic import DeepMedic
from diagnosis.lungs.input import deepmedic_window, lung_window
from diagnosis.lungs.plausible import DISEASED_HU
from diagnosis.lungs.series_grid import nearest_on, on_series_grid
from diagnosis.lungs.unet2d import LungUNet
from diagnosis.preprocessing.network_grid import network_grid
from diagnosis.run_clock import Progress
from diagnosis.volume import Affine, BoolArray, CTVolume, LabelArray
from diagnosis.weight_files import Header
from diagnosis.weights import load_weights

THINNEST_MM = 3.0
"""Thinner slices are pooled: the lungs' outline needs no finer ones."""
_BLOCK = (72, 72, 72)
"""Voxels of one block of the DeepMedic-type network: a multiple of 9, its coarsest path."""
_OVERLAP = 0.25


def unet_lungs(weights: Path, volume: CTVolume, progress: Progress) -> tuple[LabelArray, str]:
    """Return lung labels on the series grid and the version of the weights.

    The mask is that of the larger of two logits, taken before resampling. Raises RefusedInput:
    ``bad_weights``, ``no_lungs`` (also when the network finds what is no lungs).
    """
    reader, header = loaded(weights, unet_reader)
    chest = chest_of(volume)
    mask, affine = _read_slices(volume, chest, reader, progress)
    return on_series_grid(with_sides(mask, affine, chest, DISEASED_HU), affine, volume), header["version"]


def deepmedic_lungs(weights: Path, volume: CTVolume, progress: Progress) -> tuple[LabelArray, str]:
    """Return lung labels on the series grid and the version of the weights, by the paper-size 3-D network.

    It reads blocks of voxels of at most 2 mm. Raises RefusedInput as `unet_lungs` does.
    """
    network, header = loaded(weights, _deepmedic)
    chest = chest_of(volume)
    mask = _read_blocks(network, chest)
    progress(1.0)
    labels = with_sides(mask, chest.affine, chest, DISEASED_HU)
    return on_series_grid(labels, chest.affine, volume), header["version"]


def unet_reader(weights: Path) -> tuple[SliceReader, Header]:
    """Return the 2-D network ready to read, and the header of its weights."""
    network = LungUNet()
    header = load_weights(weights, network, "lungs")
    return SliceReader(network), header


def _deepmedic(weights: Path) -> tuple[nn.Module, Header]:
    network = DeepMedic()
    header = load_weights(weights, network, "lungs")
    return network.eval().to(device_of_choice()), header


def _read_slices(
    volume: CTVolume, chest: Chest, reader: SliceReader, progress: Progress
) -> tuple[BoolArray, Affine]:
    """Read every slice that shows body; what lies outside the body (foam of the table) is no lung."""
    hu, affine = network_grid(volume, chest.box, thinnest_mm=THINNEST_MM)
    mask = nearest_on(chest.body, chest.affine, affine, hu.shape) > 0
    for index, image in enumerate(hu):
        if mask[index].any():
            logits = reader(lung_window(image)[None])
            mask[index] &= (logits[1] > logits[0]).cpu().numpy()
        progress((index + 1) / len(hu))
    return mask, affine


def _read_blocks(network: nn.Module, chest: Chest) -> BoolArray:
    device = device_of_choice()
    image = torch.from_numpy(deepmedic_window(chest.hu))[None, None]
    with torch.inference_mode():
        logits = sliding_window()(image, _BLOCK, 1, network, _OVERLAP, sw_device=device, device="cpu")
    found = torch.as_tensor(logits)[0]
    return np.asarray((found[1] > found[0]).numpy()) & chest.body
