"""What DeCoVNet sees (Wang et al., TMI 2020, section F.2): the box of the lungs in a fixed matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from diagnosis.geometry import RefusedInput
from diagnosis.lungs.input import lung_window
from diagnosis.lungs.morphology import bounding_box
from diagnosis.preprocessing.masked_grid import GREYS as GREYS
from diagnosis.preprocessing.masked_grid import grey_and_mask
from diagnosis.preprocessing.network_grid import cropped_affine, pooled_slices
from diagnosis.systems.decovnet.network import LEAST_SLICES
from diagnosis.volume import Affine, CTVolume, LabelArray, spacing_of


@dataclass(frozen=True, slots=True)
class InputSize:
    """The matrix of a slice, and the least step between slices in mm (None: every slice is kept).

    Thinner slices are pooled by whole factors. With ``even`` they are interpolated to exactly that step,
    thicker ones too.
    """

    height: int
    width: int
    slice_mm: float | None
    even: bool = False


PAPER_SIZE = InputSize(224, 336, None)


@dataclass(frozen=True, slots=True)
class NetworkInput:
    """``image`` uint8 ``[2, z, y, x]``: CT 0..255 of -1200..600 HU, lung mask 0 or 1. Affine to LPS mm."""

    image: LabelArray
    affine: Affine


def network_input(volume: CTVolume, lungs: LabelArray, size: InputSize) -> NetworkInput:
    """Return the box of the lungs (uint8 ``[z, y, x]``, 1 right, 2 left) in the matrix of ``size``.

    The CT is not multiplied by the mask. Grey values first, then blocks are averaged where the box has twice
    as many pixels as the matrix, then linear interpolation with half-pixel centres. At least two slices: a
    box of one slice is repeated. Raises RefusedInput (code ``no_lungs``) for an empty mask.
    """
    if not lungs.any():
        raise RefusedInput("no_lungs", "No lungs found.")
    box = bounding_box(lungs > 0)
    hu, inside = volume.hu[box], lungs[box] > 0
    affine = cropped_affine(volume.affine, box)
    factors, target, shape = _grids(affine, inside.shape, size)
    image = grey_and_mask(hu, inside, lung_window, affine, target, shape, factors)
    return NetworkInput(image, target)


def as_tensor(image: LabelArray) -> Tensor:
    """Return float32 ``[1, 2, z, y, x]``: CT 0..1 and mask."""
    tensor = torch.from_numpy(image).float()[None]
    tensor[:, 0] /= GREYS
    return tensor


def _grids(
    affine: Affine, shape: tuple[int, ...], size: InputSize
) -> tuple[tuple[int, int, int], Affine, tuple[int, int, int]]:
    """Factors of the blocks to average, and affine and shape of the input; all three over one box."""
    depth, height, width = shape
    step_mm = spacing_of(affine)[0]
    block, scale, slices = 1, 1.0, depth
    if size.slice_mm is not None and size.even:
        scale = size.slice_mm / step_mm
        block, slices = max(1, int(scale)), round(depth / scale)
    elif size.slice_mm is not None:
        block = min(pooled_slices(step_mm, size.slice_mm), max(1, depth // LEAST_SLICES))
        scale, slices = float(block), -(-depth // block)
    steps = np.array([width / size.width, height / size.height, scale])
    target = affine.copy()
    target[:3, :3] = affine[:3, :3] * steps
    target[:3, 3] = affine[:3, 3] + affine[:3, :3] @ ((steps - 1) / 2)
    factors = (block, max(1, height // size.height), max(1, width // size.width))
    return factors, target, (max(LEAST_SLICES, slices), size.height, size.width)
