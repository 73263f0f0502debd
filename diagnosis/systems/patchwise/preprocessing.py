"""What the patch networks see (Ghavami Modegh et al., sections 2.2 and 2.3): one lung of three slices.

All maps of a scan lie on one grid: its images share one scale, and the corner of every image is moved by
less than one stride of the coarse patches, so that the patches of neighbouring slices cover the same
pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from diagnosis.geometry import RefusedInput
from diagnosis.lungs.kmeans import kmeans_lungs
from diagnosis.lungs.morphology import bounding_box
from diagnosis.preprocessing.batch_effect import background_hu, remove_batch_effect, without_removal
from diagnosis.preprocessing.network_grid import cropped_affine, pooled_slices
from diagnosis.preprocessing.resampling import block_affine, block_mean, positions_in, sample_linear
from diagnosis.results import LEFT_LUNG, RIGHT_LUNG
from diagnosis.systems.patchwise.distance import distance_map
from diagnosis.systems.patchwise.network import CHANNELS, SLICES
from diagnosis.systems.patchwise.patches import COARSE, PAPER_SIDE, coarse_patches
from diagnosis.volume import Affine, BoolArray, CTVolume, LabelArray, spacing_of

Lungs = Literal["kmeans", "closed"]
GREYS = 255


@dataclass(frozen=True, slots=True)
class InputSize:
    """``side`` of an image in pixels (a multiple of 32), whose lungs it shows, and what else shapes the
    input.

    ``kmeans``: the published K-means lungs, where consolidation is missing; ``closed``: the lungs the case
    brings. Slices thinner than ``slice_mm`` are averaged by whole factors (None: every slice is kept).
    Without ``batch_effect_removed`` air is taken to be -1000 HU: to measure what the removal is good for.
    """

    side: int
    lungs: Lungs
    slice_mm: float | None = None
    batch_effect_removed: bool = True


PAPER_SIZE = InputSize(PAPER_SIDE, "kmeans")


@dataclass(frozen=True, slots=True)
class NetworkInput:
    """The box of the lungs at the scale of the network.

    ``image`` is uint8 ``[2, z, y, x]``: grey 0..255 of the 0..1 after batch-effect removal, and lungs (0, 1
    right, 2 left). ``affine`` leads to LPS mm. ``lungs`` are those it was made with, uint8 on the series
    grid.
    """

    image: LabelArray
    affine: Affine
    lungs: LabelArray


@dataclass(frozen=True, slots=True)
class Crop:
    """One lung of one slice: the rectangle around it in the middle of a square image.

    ``place`` is the slice of the input; ``top`` and ``left`` are the corner of the image in the input,
    multiples of the coarse stride that may be negative; ``box`` (y, x) is the rectangle in the input.
    """

    lung: int
    place: int
    top: int
    left: int
    box: tuple[slice, slice]


@dataclass(frozen=True, slots=True)
class Views:
    """All crops of an input ``image`` uint8 ``[2, z, y, x]``, as images of ``side`` pixels."""

    image: LabelArray
    side: int
    crops: Sequence[Crop]

    @property
    def slices(self) -> int:
        """Number of slices of the input."""
        return int(self.image.shape[1])

    def tensor(self, chosen: Sequence[int]) -> Tensor:
        """Return the networks' input of some crops, as `as_tensor` makes it."""
        return as_tensor(*cropped(self.image, [self.crops[index] for index in chosen], self.side))


def network_input(volume: CTVolume, lungs: LabelArray, size: InputSize) -> NetworkInput:
    """Return what is shown of a scan with these lungs (uint8 ``[z, y, x]``, 1 right, 2 left).

    Pixels stay as they are unless the largest rectangle around a lung would not fit into the image; then the
    whole scan is scaled down to fit. Raises RefusedInput (code ``no_lungs``).
    """
    if size.lungs == "kmeans":
        lungs = kmeans_lungs(remove_batch_effect(volume.hu))
    if not lungs.any():
        raise RefusedInput("no_lungs", "No lungs found.")
    box = bounding_box(lungs > 0, margin=1)
    if size.batch_effect_removed:
        grey = remove_batch_effect(volume.hu[box], background_hu(volume.hu))
    else:
        grey = without_removal(volume.hu[box])
    affine = cropped_affine(volume.affine, box)
    factors, target, shape = _grids(affine, lungs[box], size)
    pooled = block_affine(affine, factors)
    image = np.zeros((2, *shape), dtype=np.uint8)
    if np.array_equal(target, pooled) and max(factors) == 1:
        image[0], image[1] = np.rint(grey * GREYS), lungs[box]
    else:
        positions = positions_in(pooled, target, shape)
        image[0] = np.rint(sample_linear(block_mean(grey, factors), positions) * GREYS)
        for side in (RIGHT_LUNG, LEFT_LUNG):
            share = sample_linear(block_mean(lungs[box] == side, factors), positions)
            image[1][share >= 0.5] = side
    return NetworkInput(image, target, lungs)


def views_of(image: LabelArray, side: int) -> Views:
    """Return the views of an input. Raises RefusedInput (code ``no_lungs``) when no slice shows enough
    lung."""
    views = Views(image, side, crops_of(image[1], side))
    if not views.crops:
        raise RefusedInput("no_lungs", "No slice shows enough lung for the patch networks to look at.")
    return views


def crops_of(lungs: LabelArray, side: int) -> list[Crop]:
    """Return the crops of the lungs of an input (uint8 ``[z, y, x]``), slice by slice, right lung first.

    Lungs of fewer pixels than a quarter of a coarse patch are left out.
    """
    least = (coarse_patches(side).size // 2) ** 2
    crops: list[Crop] = []
    for place, labels in enumerate(lungs):
        for lung in (RIGHT_LUNG, LEFT_LUNG):
            mask = labels == lung
            if int(mask.sum()) < least:
                continue
            _, y, x = bounding_box(mask[None])
            top, left = (_corner(along, side) for along in (y, x))
            box = (_within(y, top, side), _within(x, left, side))
            crops.append(Crop(lung, place, top, left, box))
    return crops


def cropped(image: LabelArray, crops: Sequence[Crop], side: int) -> tuple[LabelArray, BoolArray]:
    """Return three neighbouring slices uint8 ``[n, 3, side, side]`` and the lung's mask ``[n, side, side]``.

    ``image`` is that of a `NetworkInput`. What lies outside the rectangle of the middle slice is black; at
    the ends of the scan the middle slice stands for its missing neighbour.
    """
    slices = np.zeros((len(crops), SLICES, side, side), dtype=np.uint8)
    masks = np.zeros((len(crops), side, side), dtype=bool)
    last = image.shape[1] - 1
    for index, crop in enumerate(crops):
        inside = placed(crop)
        y, x = crop.box
        for channel, place in enumerate((max(0, crop.place - 1), crop.place, min(last, crop.place + 1))):
            slices[(index, channel, *inside)] = image[0, place, y, x]
        masks[(index, *inside)] = image[1, crop.place, y, x] == crop.lung
    return slices, masks


def placed(crop: Crop) -> tuple[slice, slice]:
    """Return where the rectangle of a crop (y, x) lies in its square image."""
    y, x = crop.box
    return (
        slice(y.start - crop.top, y.stop - crop.top),
        slice(x.start - crop.left, x.stop - crop.left),
    )


def as_tensor(slices: LabelArray, masks: BoolArray) -> Tensor:
    """Return the networks' input float32 ``[n, 4, side, side]``: three slices 0..1, distance to the
    pleura."""
    tensor = torch.empty((len(slices), CHANNELS, *slices.shape[2:]))
    tensor[:, :SLICES] = torch.from_numpy(slices) / GREYS
    tensor[:, SLICES] = torch.from_numpy(distance_map(masks))
    return tensor


def _grids(
    affine: Affine, lungs: LabelArray, size: InputSize
) -> tuple[tuple[int, int, int], Affine, tuple[int, int, int]]:
    """Factors of the blocks to average, and affine and shape of the input; all three over one box."""
    depth, height, width = lungs.shape
    most = size.side - COARSE.stride
    scale = max(1.0, _largest(lungs) / most)
    block = 1 if size.slice_mm is None else min(depth, pooled_slices(spacing_of(affine)[0], size.slice_mm))
    steps = np.array([scale, scale, block])
    target = affine.copy()
    target[:3, :3] = affine[:3, :3] * steps
    target[:3, 3] = affine[:3, 3] + affine[:3, :3] @ ((steps - 1) / 2)
    shape = (-(-depth // block), int(np.ceil(height / scale)), int(np.ceil(width / scale)))
    return (block, int(scale), int(scale)), target, shape


def _largest(lungs: LabelArray) -> int:
    """The longest side of all rectangles around one lung in one slice."""
    longest = 0
    for lung in (RIGHT_LUNG, LEFT_LUNG):
        mask = lungs == lung
        for axis in (1, 2):
            hit = mask.any(axis=axis)
            first = hit.argmax(axis=1)
            last = hit.shape[1] - 1 - hit[:, ::-1].argmax(axis=1)
            longest = max(longest, int(np.where(hit.any(axis=1), last - first + 1, 0).max()))
    return longest


def _corner(along: slice, side: int) -> int:
    """Where an image of ``side`` pixels begins that has this stretch in its middle, on the coarse grid."""
    middle = (along.start + along.stop) / 2
    return int(COARSE.stride * round((middle - side / 2) / COARSE.stride))


def _within(along: slice, corner: int, side: int) -> slice:
    """Cut a stretch to the image: pooled slices may show a little more than any slice that was measured."""
    return slice(max(along.start, corner), min(along.stop, corner + side))
