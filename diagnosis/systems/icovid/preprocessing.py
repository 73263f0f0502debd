"""What icovid sees (Berenguer et al., 2020, section 4.1): lungs in a square, and their lesions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from diagnosis.geometry import RefusedInput
from diagnosis.lungs.input import in_window
from diagnosis.lungs.morphology import bounding_box
from diagnosis.preprocessing.masked_grid import GREYS, grey_and_mask
from diagnosis.preprocessing.network_grid import Box, cropped_affine
from diagnosis.preprocessing.resampling import Factors, Positions, positions_in
from diagnosis.results import INFECTED_VALUES
from diagnosis.systems.icovid.network import Side
from diagnosis.volume import Affine, BoolArray, CTVolume, HounsfieldArray, LabelArray, spacing_of

WINDOW_HU = (-1000.0, 400.0)
_window = partial(in_window, window=WINDOW_HU)


@dataclass(frozen=True, slots=True)
class InputSize:
    """Pixels along the side of a slice, and the step between slices in mm; thicker slices are kept."""

    side: int
    slice_mm: float


PAPER_SIZE = InputSize(256, 3.0)
"""256 pixels reproduce the published operations; the text has "variable in-plane resolution"."""


@dataclass(frozen=True, slots=True)
class NetworkInput:
    """``image`` uint8 ``[2, z, y, x]``: CT 0..255 of -1000..400 HU, 0 outside the lungs; lesions 0 to 4.

    Affine to LPS mm.
    """

    image: LabelArray
    affine: Affine


def network_input(
    volume: CTVolume, lungs: LabelArray, lesions: LabelArray | None, size: InputSize
) -> NetworkInput:
    """Return the box of the lungs (uint8 ``[z, y, x]``, 1 right, 2 left), padded square, in that ``size``.

    Pixels become square in mm. The CT is masked first, so that no chest wall is averaged into the rim of the
    lungs; then blocks are averaged and interpolated with half-pixel centres. ``lesions`` (values of LESIONS,
    None for a network without them) are taken from the nearest voxel; only infection, inside the lungs.
    Raises RefusedInput (code ``no_lungs``) for an empty mask.
    """
    if not lungs.any():
        raise RefusedInput("no_lungs", "No lungs found.")
    box = bounding_box(lungs > 0)
    inside = lungs[box] > 0
    affine = cropped_affine(volume.affine, box)
    factors, target, shape = _square(affine, inside.shape, size)
    hu, around = _masked(volume, inside, box, factors)
    image = grey_and_mask(hu, hu > WINDOW_HU[0], _window, around, target, shape, factors)
    image[1] = 0
    if lesions is not None:
        found = np.where(inside & np.isin(lesions[box], INFECTED_VALUES), lesions[box], 0).astype(np.uint8)
        image[1] = _nearest(found, positions_in(affine, target, shape))
    return NetworkInput(image, target)


def as_tensor(image: LabelArray | Tensor, side: Side) -> Tensor:
    """Return float32 ``[z, channels, y, x]``, one entry per slice: CT 0..1, then the masks of ``side``."""
    ct = torch.as_tensor(image[:1]).float().transpose(0, 1) / GREYS
    if side == "none":
        return ct
    lesions = torch.as_tensor(image[1])
    if side == "lesions":
        return torch.cat([ct, (lesions > 0).float()[:, None]], dim=1)
    types = functional.one_hot(lesions.long(), len(INFECTED_VALUES) + 1)[..., 1:]
    return torch.cat([ct, types.permute(0, 3, 1, 2).float()], dim=1)


def _square(
    affine: Affine, shape: tuple[int, ...], size: InputSize
) -> tuple[Factors, Affine, tuple[int, int, int]]:
    """Factors of the blocks to average, and affine and shape of the input, around one centre."""
    depth, height, width = shape
    z_mm, y_mm, x_mm = spacing_of(affine)
    pixel_mm = max(height * y_mm, width * x_mm) / size.side
    slice_mm = max(size.slice_mm, z_mm)
    slices = max(1, round(depth * z_mm / slice_mm))
    steps = np.array([pixel_mm / x_mm, pixel_mm / y_mm, slice_mm / z_mm])
    centre = np.array([width - 1, height - 1, depth - 1]) / 2
    reach = np.array([size.side - 1, size.side - 1, slices - 1]) / 2
    target = affine.copy()
    target[:3, :3] = affine[:3, :3] * steps
    target[:3, 3] = affine[:3, 3] + affine[:3, :3] @ (centre - steps * reach)
    x, y, z = (max(1, int(step + 1e-6)) for step in steps)
    return (z, y, x), target, (slices, size.side, size.side)


def _masked(
    volume: CTVolume, inside: BoolArray, box: Box, factors: Factors
) -> tuple[HounsfieldArray, Affine]:
    """The lungs of a box in air, with a block of air on each side in the plane, and the affine of that."""
    _, fy, fx = factors
    air = np.int16(WINDOW_HU[0])
    masked = np.where(inside, volume.hu[box], air)
    affine = cropped_affine(volume.affine, box)
    affine[:3, 3] -= affine[:3, :2] @ np.array([fx, fy])
    return np.pad(masked, ((0, 0), (fy, fy), (fx, fx)), constant_values=air), affine


def _nearest(labels: LabelArray, positions: Positions) -> LabelArray:
    """The labels of the nearest voxels, 0 beyond the array."""
    indices = [np.floor(axis + 0.5).astype(np.intp) for axis in positions]
    beyond = [(index < 0) | (index >= size) for index, size in zip(indices, labels.shape, strict=True)]
    taken: LabelArray = labels[
        np.ix_(*(index.clip(0, size - 1) for index, size in zip(indices, labels.shape, strict=True)))
    ]
    for axis, outside in enumerate(beyond):
        taken[(slice(None),) * axis + (outside,)] = 0
    return taken
