"""Run a lesion network over the lungs' box: infection probability, its type, and what is no infection."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from diagnosis.inference import SliceReader, device_of_choice, loaded, sliding_window
from diagnosis.lesions.answer import FULL, Reading
from diagnosis.lesions.input import THINNEST_MM, lesion_window, three_slices
from diagnosis.lesions.unet3d import LesionUNet3d
from diagnosis.lesions.unet25d import INFECTED_CLASSES, LESION_OF_CLASS, LesionUNet
from diagnosis.preprocessing.network_grid import Box, network_grid
from diagnosis.preprocessing.resampling import positions_in
from diagnosis.run_clock import Progress
from diagnosis.volume import Affine, BoolArray, CTVolume, LabelArray, spacing_of
from diagnosis.weight_files import Header
from diagnosis.weights import load_weights

_BLOCK = (64, 128, 128)
"""Voxels of one block of the 3-D network, 32 times whole numbers: about the part of a lung it can judge."""
_OVERLAP = 0.25
_LIKELIEST = (1.0, 1.0, 1.0, 1.0)


def read_with_unet(
    weights: Path, volume: CTVolume, box: Box, lungs: LabelArray, progress: Progress
) -> tuple[Reading, Header]:
    """Read the box with the fast network of ``weights``. Raises RefusedInput (``bad_weights``)."""
    reader, header = loaded(weights, unet_reader)
    scale = header.get("config", {}).get("type_scale", _LIKELIEST)
    return read_slices(reader, volume, box, lungs, progress, scale), header


def read_with_paper_unet(
    weights: Path, volume: CTVolume, box: Box, progress: Progress
) -> tuple[Reading, Header]:
    """Read the box with the paper's 3-D network. Raises RefusedInput (``bad_weights``, ``no_monai``)."""
    network, header = loaded(weights, _paper_network)
    return read_blocks(network, volume, box, progress), header


def unet_reader(weights: Path) -> tuple[SliceReader, Header]:
    """Return the fast network ready to read, and the header of its weights."""
    network = LesionUNet()
    header = load_weights(weights, network, "lesions")
    return SliceReader(network), header


def _paper_network(weights: Path) -> tuple[nn.Module, Header]:
    network = LesionUNet3d()
    header = load_weights(weights, network, "lesions")
    return network.eval().to(device_of_choice()), header


def read_slices(
    reader: SliceReader, volume: CTVolume, box: Box, lungs: LabelArray, progress: Progress,
    type_scale: Sequence[float] = _LIKELIEST,
) -> Reading:  # fmt: skip
    """Read every slice of the box that shows lung with the fast network, one by one.

    ``lungs`` is on the series grid. Classes are decided before anything is resampled: the infection type is
    that of the largest share times ``type_scale``.
    """
    scale = torch.tensor(type_scale, dtype=torch.float32)[:, None, None]
    hu, affine = network_grid(volume, box, thinnest_mm=THINNEST_MM)
    image, step_mm = lesion_window(hu), spacing_of(affine)[0]
    infection, kind, other = np.zeros((3, *hu.shape), dtype=np.uint8)
    shown = _with_lung(lungs, volume.affine, affine, hu.shape)
    for index in range(len(hu)):
        if shown[index]:
            shares = torch.softmax(reader(three_slices(image, index, step_mm)), dim=0)
            infected = shares[INFECTED_CLASSES]
            infection[index] = _in_bytes(infected.sum(0))
            kind[index] = (infected.cpu() * scale).argmax(0).numpy() + 1
            other[index] = _OTHERS[shares.argmax(0).cpu().numpy()]
        progress((index + 1) / len(hu))
    return Reading(infection, kind, other, affine)


def read_blocks(network: nn.Module, volume: CTVolume, box: Box, progress: Progress) -> Reading:
    """Read the box with the paper's 3-D network, in evaluation mode on the device of choice, in overlapping
    blocks."""
    hu, affine = network_grid(volume, box, thinnest_mm=THINNEST_MM)
    device = device_of_choice()
    image = torch.from_numpy(lesion_window(hu))[None, None]
    with torch.inference_mode():
        logits = sliding_window()(image, _BLOCK, 1, network, _OVERLAP, sw_device=device, device="cpu")
    shares = torch.softmax(torch.as_tensor(logits)[0], dim=0)
    progress(1.0)
    kind = (shares[1:].argmax(0) + 1).numpy().astype(np.uint8)
    return Reading(_in_bytes(1 - shares[0]), kind, np.zeros_like(kind), affine)


_OTHERS = np.asarray(LESION_OF_CLASS, dtype=np.uint8)
_OTHERS[INFECTED_CLASSES] = 0


def _in_bytes(shares: Tensor) -> LabelArray:
    return np.asarray((shares * FULL).round().clamp(0, FULL).to(torch.uint8).cpu().numpy())


def _with_lung(lungs: LabelArray, affine: Affine, target: Affine, shape: tuple[int, ...]) -> BoolArray:
    """Which slices of the target grid lie next to a slice of the series that shows lung."""
    has_lung = np.asarray((lungs > 0).any(axis=(1, 2)))
    z, _, _ = positions_in(affine, target, shape)
    reach = max(1, round(spacing_of(target)[0] / spacing_of(affine)[0]))
    near = [has_lung[max(0, round(at) - reach) : round(at) + reach + 1].any() for at in z]
    return np.asarray(near, dtype=bool)
