"""What the multi-scale classifier sees (Hu et al., 2020): the lungs of each slice, in their own window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from diagnosis.geometry import RefusedInput
from diagnosis.lungs.morphology import bounding_box
from diagnosis.preprocessing.masked_grid import GREYS, grey_and_mask
from diagnosis.preprocessing.network_grid import Box, cropped_affine, pooled_slices
from diagnosis.preprocessing.resampling import Factors, positions_in
from diagnosis.systems.multiscale.window import low_of_window, windowed
from diagnosis.volume import Affine, CTVolume, LabelArray, spacing_of

Field = Literal["frame", "lungs"]
_AROUND_LUNGS = 1.06
"""The field of the lungs is that much larger than their box: a lesion at the pleura shows its border."""


@dataclass(frozen=True, slots=True)
class InputSize:
    """The matrix of a slice, the least step between slices in mm (None: every slice is kept), the field.

    Thinner slices are pooled by whole factors. The ``field`` is the whole frame of the scan, as published, or
    the box of the lungs in all slices; pixels are square and the field fills the matrix along one axis.
    """

    height: int
    width: int
    slice_mm: float | None
    field: Field = "frame"


PAPER_SIZE = InputSize(224, 224, None)


@dataclass(frozen=True, slots=True)
class NetworkInput:
    """``image`` uint8 ``[2, z, y, x]``: CT 0..255 of the window that starts at ``low_hu``, lung mask 0 or 1.

    Only slices with lungs, the most caudal first. Affine to LPS mm.
    """

    image: LabelArray
    affine: Affine
    low_hu: float


def network_input(volume: CTVolume, lungs: LabelArray, size: InputSize) -> NetworkInput:
    """Return the slices that show lungs (uint8 ``[z, y, x]``, 1 right, 2 left) in the matrix of ``size``.

    Raises RefusedInput (code ``no_lungs``) for an empty mask.
    """
    if not lungs.any():
        raise RefusedInput("no_lungs", "No lungs found.")
    low_hu = low_of_window(volume.hu)
    box = bounding_box(lungs > 0)
    factors, target, shape = _grids(volume, box, size)
    wider = _wider(box, factors, volume.shape)
    source = cropped_affine(volume.affine, wider)
    image = grey_and_mask(
        volume.hu[wider], lungs[wider] > 0, lambda hu: windowed(hu, low_hu), source, target, shape, factors
    )
    _clear_beyond(image, source, target, volume.hu[wider].shape)
    return NetworkInput(image, target, low_hu)


def as_tensor(image: LabelArray) -> Tensor:
    """Return float32 ``[z, 1, y, x]`` of slices uint8 ``[2, z, y, x]``: grey 0..1 in the lungs, 0 outside."""
    grey, mask = torch.from_numpy(image)
    return torch.as_tensor((grey * mask).float()[:, None] / GREYS)


def _grids(volume: CTVolume, box: Box, size: InputSize) -> tuple[Factors, Affine, tuple[int, int, int]]:
    """Factors of the blocks to average, and affine and shape of the input."""
    step_mm, y_mm, x_mm = spacing_of(volume.affine)
    depth = box[0].stop - box[0].start
    block = 1 if size.slice_mm is None else min(depth, pooled_slices(step_mm, size.slice_mm))
    field = box[1:] if size.field == "lungs" else (slice(0, volume.shape[1]), slice(0, volume.shape[2]))
    part = _AROUND_LUNGS if size.field == "lungs" else 1.0
    height_mm, width_mm = ((one.stop - one.start) * mm for one, mm in zip(field, (y_mm, x_mm), strict=True))
    pixel_mm = part * max(height_mm / size.height, width_mm / size.width)
    steps = np.array([pixel_mm / x_mm, pixel_mm / y_mm, block])
    middle = [(one.start + one.stop - 1) / 2 for one in field]
    first = np.array([
        middle[1] - steps[0] * (size.width - 1) / 2,
        middle[0] - steps[1] * (size.height - 1) / 2,
        box[0].start + (block - 1) / 2,
    ])  # fmt: skip
    target = volume.affine.copy()
    target[:3, :3] = volume.affine[:3, :3] * steps
    target[:3, 3] = (volume.affine @ np.array([*first, 1.0]))[:3]
    factors = (block, max(1, int(steps[1])), max(1, int(steps[0])))
    return factors, target, (-(-depth // block), size.height, size.width)


def _wider(box: Box, factors: Factors, shape: tuple[int, int, int]) -> Box:
    """The box with two blocks more on each side in the plane: pixels at its border see what is beside it."""
    y, x = (
        slice(max(0, one.start - 2 * factor), min(end, one.stop + 2 * factor))
        for one, factor, end in zip(box[1:], factors[1:], shape[1:], strict=True)
    )
    return box[0], y, x


def _clear_beyond(image: LabelArray, source: Affine, target: Affine, shape: tuple[int, ...]) -> None:
    """Take the mask away beyond the pixels of the source, where its edge is repeated."""
    _, *in_plane = positions_in(source, target, image.shape[1:])
    for axis, (positions, count) in enumerate(zip(in_plane, shape[1:], strict=True), start=1):
        beyond = (positions < -0.5) | (positions > count - 0.5)
        np.moveaxis(image[1], axis, 0)[beyond] = 0
