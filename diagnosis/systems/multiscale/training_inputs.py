"""What the multi-scale classifier is trained on: slices with what is known of their pixels, moved and
degraded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from diagnosis.preprocessing.masked_grid import GREYS
from diagnosis.results import INFECTED_VALUES
from diagnosis.systems.multiscale.preprocessing import InputSize, network_input
from diagnosis.systems.multiscale.spec import NP
from diagnosis.systems.multiscale.window import WINDOW_HU
from diagnosis.systems.study_lungs import lungs_of
from diagnosis.systems.study_outlines import UNKNOWN, nearest_at, outlines_at
from diagnosis.training.augmentation import AIR_HU, Draws, Ranges, change_grey, degrade, move
from diagnosis.training.kept import kept
from diagnosis.training.labelled import CT, LabelledVolume
from diagnosis.training.sampling import SliceRef
from diagnosis.volume import Affine, CTVolume, LabelArray

PUBLISHED = Ranges(
    rotation_degrees=25.0, zoom=(1.0, 1 / 0.7), anisotropy=0.0, shear=0.0, shift=0.0, elastic=0.0,
)  # fmt: skip
"""Square crops about the centre of 0.7 to 1 of the slice, rotation to 25 degrees, half of them flipped."""
DARKER_OR_BRIGHTER = 0.5
"""Published: all grey values of a slice times 0.5 to 1.5."""
FOR_PHANTOMS = Ranges(
    rotation_degrees=12.0, zoom=(0.85, 1.2), shear=0.08, shift=0.05, noise_hu=(4.0, 40.0), blur_pixels=0.8,
    lowest_resolution=0.6,
)  # fmt: skip
"""The HU changes that carried networks from phantoms to real CT, milder because pixels are larger here."""
LOOK = 254
"""Value of pixels of a region that holds an infection somewhere."""
LOOKED_AT_PART = 0.5
"""A slice belongs to such a region from that part of its largest cross-section on."""
NO_CLASS = -1
"""Class of a slice that says nothing about the classes."""
LEAST_PIXELS = 10
"""Infected pixels from which a slice counts as ill; fewer leave it open."""
MOSTLY = 0.5
"""Part of a slice's lungs that must be unknown for the class of the study to speak for the slice."""
_OTHER_BORDER = 0.25
"""Chance that the lungs of a slice are a pixel smaller, and as much that they are a pixel larger: in use
they are found by a network, whose borders are others."""
_CT, _MASK, _LESIONS = range(3)


def study_slices(volume: LabelledVolume, size: InputSize, cache: Path) -> NDArray[np.uint8]:
    """Return uint8 ``[z, 3, y, x]``: CT 0..255, lung mask, outlined lesion values (UNKNOWN, LOOK).

    Slices with lungs only. Made once and kept in ``cache``, from which slices are read as they are asked for.
    Raises RefusedInput (code ``no_lungs``).
    """
    known = ".".join(
        f"{name[:3]}{volume.arrays[name].path.stem[:8]}"
        for name in sorted(volume.arrays)
        if name in ("lungs", "outline", "ignore", "not_look") or name.startswith("look")
    )
    name = (
        f"{volume.arrays[CT].path.stem[:16]}.multiscale.{volume.class_name}.{known}."
        f"{size.height}x{size.width}-{size.slice_mm}-{size.field}.npy"
    )
    return kept(cache / name, lambda: _made(volume, size, cache), mapped=True)


def ill_and_free(slices: NDArray[np.uint8]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return which slices of an ill study show its disease, and which are known to be free of it.

    Where outlines say nothing of most of a slice it counts as ill, as published.
    """
    infected = np.isin(slices[:, _LESIONS], INFECTED_VALUES).sum(axis=(1, 2))
    open_ = ((slices[:, _LESIONS] >= LOOK) & (slices[:, _MASK] > 0)).sum(axis=(1, 2))
    weak = open_ > MOSTLY * slices[:, _MASK].sum(axis=(1, 2))
    looked_at = (slices[:, _LESIONS] == LOOK).any(axis=(1, 2))
    ill = (infected >= LEAST_PIXELS) | weak | looked_at
    return np.flatnonzero(ill), np.flatnonzero((infected == 0) & (open_ == 0))


def slice_classes(image: Tensor, lesions: Tensor, classes: Tensor, normal: int | None) -> Tensor:
    """Return what augmented slices show, int64 ``[n]``: the class of their study, ``normal`` or NO_CLASS.

    ``classes`` are those of the studies; ``normal`` is the class of slices without disease, None when it is
    not among the classes. The same rule as `ill_and_free`; slices between the two have no class.
    """
    infected = ((lesions >= min(INFECTED_VALUES)) & (lesions <= max(INFECTED_VALUES))).sum(dim=(1, 2))
    open_ = (lesions >= LOOK).sum(dim=(1, 2))
    weak = open_ > MOSTLY * (image > 0).sum(dim=(1, 2, 3))
    ill = (infected >= LEAST_PIXELS) | weak | (lesions == LOOK).any(dim=2).any(dim=1)
    free = (infected == 0) & (open_ == 0)
    found = torch.where(ill, classes, NO_CLASS)
    found = torch.where(free, NO_CLASS if normal is None else normal, found)
    return found if normal is None else torch.where(classes == normal, normal, found)


def stacked(refs: Sequence[SliceRef], size: InputSize, cache: Path) -> Tensor:
    """Return slices of the inputs of their studies, uint8 ``[n, 3, y, x]``."""
    return torch.from_numpy(np.stack([study_slices(ref.volume, size, cache)[ref.index] for ref in refs]))


def augmented(slices: Tensor, draws: Draws, *, published: bool) -> tuple[Tensor, Tensor]:
    """Move and degrade slices uint8 ``[n, 3, y, x]``, each in its own way.

    Returns the network's input float32 ``[n, 1, y, x]`` and the lesion values uint8 ``[n, y, x]``, 0 outside
    the lungs.
    """
    hu = slices[:, _CT : _CT + 1].float() * (WINDOW_HU / GREYS) + AIR_HU
    hu, labels = move(hu, slices[:, _MASK:], draws, PUBLISHED if published else FOR_PHANTOMS)
    mask, lesions = labels[:, :1].float(), labels[:, 1]
    if published:
        grey = change_grey(_greys(hu), draws, DARKER_OR_BRIGHTER, contrast=0.0)
    else:
        grey = _greys(degrade(hu, draws, FOR_PHANTOMS))
        mask = _other_borders(mask, draws)
    return grey * mask, lesions * (mask[:, 0] > 0)


def _greys(hu: Tensor) -> Tensor:
    return ((hu - AIR_HU) / WINDOW_HU).clamp(0, 1)


def _other_borders(mask: Tensor, draws: Draws) -> Tensor:
    """Make masks 0 or 1 ``[n, 1, y, x]`` a pixel larger, smaller or neither."""
    choice = draws.uniform(0, 1, (len(mask), 1, 1, 1))
    larger = functional.max_pool2d(mask, 3, 1, 1)
    smaller = -functional.max_pool2d(-mask, 3, 1, 1)
    mask = torch.where(choice < _OTHER_BORDER, larger, mask)
    return torch.where(choice > 1 - _OTHER_BORDER, smaller, mask)


def _made(volume: LabelledVolume, size: InputSize, cache: Path) -> NDArray[np.uint8]:
    shown = network_input(CTVolume(volume.arrays[CT].whole(), volume.affine), lungs_of(volume, cache), size)
    lesions = _taught(volume, shown.affine, shown.image.shape[1:])
    return np.concatenate([shown.image, lesions[None]]).swapaxes(0, 1)


def _taught(volume: LabelledVolume, affine: Affine, shape: tuple[int, ...]) -> LabelArray:
    """What is known of each pixel: outlines, rejected evidence, regions that hold an infection somewhere.

    Nothing is infected in a study of class NP.
    """
    lesions = outlines_at(volume, affine, shape)
    if volume.class_name == NP:
        lesions[lesions == UNKNOWN] = 0
    if volume.has("not_look"):
        lesions[
            (lesions == UNKNOWN)
            & (nearest_at(volume.arrays["not_look"].whole(), volume.affine, affine, shape) > 0)
        ] = 0
    for name in (name for name in volume.arrays if name.startswith("look")):
        regions = nearest_at(volume.arrays[name].whole(), volume.affine, affine, shape)
        for number in np.unique(regions[regions > 0]):
            region = regions == number
            areas = region.sum(axis=(1, 2), keepdims=True)
            central = region & (areas >= LOOKED_AT_PART * areas.max())
            lesions[central & (lesions == UNKNOWN)] = LOOK
    return lesions
