"""What the patch networks are trained on: lungs of labelled studies, and what is known of their pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from diagnosis.evaluation.predictions import COVID, DISEASED, truth_of
from diagnosis.geometry import RefusedInput
from diagnosis.preprocessing.batch_effect import SCALE_HU, remove_batch_effect
from diagnosis.systems.density.published_rule import band
from diagnosis.systems.patchwise.patch_labels import Teaching
from diagnosis.systems.patchwise.preprocessing import (
    GREYS,
    Crop,
    InputSize,
    as_tensor,
    cropped,
    network_input,
    placed,
    views_of,
)
from diagnosis.systems.study_lungs import lungs_of
from diagnosis.systems.study_outlines import UNKNOWN, nearest_at, outlines_at
from diagnosis.training.augmentation import AIR_HU, Draws, Ranges, degrade, mix_neighbours, move
from diagnosis.training.kept import kept
from diagnosis.training.labelled import CT, LabelledVolume
from diagnosis.volume import BoolArray, CTVolume, LabelArray

GREY, LUNGS, TRUTH, SUSPICIOUS, LOOK = range(5)
FOR_PHANTOMS = Ranges(
    rotation_degrees=10.0, zoom=(0.85, 1.2), shear=0.1, shift=0.04, noise_hu=(4.0, 25.0), blur_pixels=0.6,
    lowest_resolution=0.7, offset_hu=12.0,
)  # fmt: skip
"""What carried networks from phantoms to real CT, milder: pixels are larger here, noise has passed a median
filter, and batch-effect removal has put air where it belongs. The paper names no augmentation."""
_HASH_DIGITS = 8


def study_input(volume: LabelledVolume, size: InputSize, cache: Path) -> NDArray[np.uint8]:
    """Return uint8 ``[5, z, y, x]`` on the grid of the network's input: grey, lungs, and what is taught.

    TRUTH holds lesion values where voxels were judged and UNKNOWN elsewhere, SUSPICIOUS 1 where density is
    (nowhere in judged studies, which need no semi-infection labels), LOOK the numbers of regions that hold
    a lesion somewhere. Made once and kept in ``cache``. Raises RefusedInput (code ``no_lungs``).
    """
    known = ".".join(volume.arrays[name].path.stem[:_HASH_DIGITS] for name in _taught_by(volume))
    shape = f"{size.side}-{size.lungs}-{size.slice_mm}-{size.batch_effect_removed}"
    name = f"{volume.arrays[CT].path.stem}.{hashlib.sha256(known.encode()).hexdigest()[:16]}.patches-{shape}"
    return kept(cache / f"{name}.npy", lambda: _made(volume, size, cache))


def lungs_in(planes: NDArray[np.uint8], side: int) -> list[Crop]:
    """Return the crops of an input, the right lung from caudal to cranial, then the left one.

    Raises RefusedInput (code ``no_lungs``) when no slice shows enough lung.
    """
    crops = views_of(planes[: LUNGS + 1], side).crops
    return sorted(crops, key=lambda crop: (crop.lung, crop.place))


def evenly_placed(crops: Sequence[Crop], count: int, draws: Draws | None = None) -> list[Crop]:
    """Return ``count`` crops at even distances of the list, moved together by less than one distance.

    Without ``draws`` from the middle of each part. Fewer crops are repeated.
    """
    shift = 0.5 if draws is None else float(draws.numpy.uniform())
    return [crops[int(part)] for part in (np.arange(count) + shift) / count * len(crops)]


def lungs_and_labels(
    volume: LabelledVolume, planes: NDArray[np.uint8], crops: Sequence[Crop], side: int,
    draws: Draws | None = None, ranges: Ranges | None = None,
) -> tuple[Tensor, Teaching]:  # fmt: skip
    """Return crops of a study as the networks take them, float32 ``[n, 4, y, x]``, and what is known of
    them.

    With ``ranges`` they are moved and degraded, each in its own way, their labels alike.
    """
    slices, masks = cropped(planes[: LUNGS + 1], crops, side)
    labels = _label_planes(planes, crops, masks, side)
    if draws is not None and ranges is not None:
        slices, labels = _augmented(slices, labels, draws, ranges)
    image = as_tensor(slices, labels[:, 0] > 0)
    count = len(crops)
    known = torch.from_numpy(labels)
    study = (
        torch.full((count,), value) for value in (truth_as_number(DISEASED, volume), int(is_judged(volume)))
    )
    return image, Teaching(known[:, 0], known[:, 2], known[:, 3], known[:, 4], *study)


def is_judged(volume: LabelledVolume) -> bool:
    """Say whether a reader (or a phantom) gave any place of the study: semi-infection labels are off
    then."""
    return any(volume.has(name) for name in ("outline", "look", "not_look"))


def truth_as_number(key: str, volume: LabelledVolume) -> int:
    """Return 1 for a study that is positive for a probability key, 0 for a negative one, -1 where the key
    does not speak of it or it has no class."""
    truth = truth_of(key, volume.class_name) if volume.class_name else None
    return -1 if truth is None else int(truth)


def parted(
    volumes: Sequence[LabelledVolume], key: str, part: str
) -> tuple[list[LabelledVolume], list[LabelledVolume]]:
    """Return the studies that are negative for a probability key, and those that are positive.

    Raises RefusedInput (code nothing_to_learn) when a side is empty.
    """
    sides: tuple[list[LabelledVolume], list[LabelledVolume]] = ([], [])
    for volume in volumes:
        truth = truth_of(key, volume.class_name) if volume.class_name else None
        if truth is not None:
            sides[truth].append(volume)
    if all(sides):
        return sides
    what = "healthy and diseased" if key == DISEASED else f"{COVID} and other diseases"
    raise RefusedInput(
        "nothing_to_learn",
        f"The {part} part of this label folder does not have studies of {what}: the network tells these "
        "apart. Sign readings with a diagnosis and export again.",
    )


def _taught_by(volume: LabelledVolume) -> list[str]:
    names = ("lungs", "outline", "not_look", "ignore")
    return [name for name in names if volume.has(name)] + _look_names(volume)


def _look_names(volume: LabelledVolume) -> list[str]:
    return sorted(name for name in volume.arrays if name.startswith("look"))


def _made(volume: LabelledVolume, size: InputSize, cache: Path) -> NDArray[np.uint8]:
    ct = CTVolume(volume.arrays[CT].whole(), volume.affine)
    given = lungs_of(volume, cache) if size.lungs == "closed" else np.zeros(ct.shape, np.uint8)
    shown = network_input(ct, given, size)
    shape = shown.image.shape[1:]

    def here(labels: LabelArray) -> LabelArray:
        return nearest_at(labels, volume.affine, shown.affine, shape)

    truth = outlines_at(volume, shown.affine, shape)
    if volume.has("not_look"):
        truth[(here(volume.arrays["not_look"].whole()) > 0) & (truth == UNKNOWN)] = 0
    suspicious = np.zeros(shape, np.uint8)
    if not is_judged(volume):
        suspicious = here(_suspicious(ct, shown.lungs).astype(np.uint8))
    look = np.zeros(shape, np.uint8)
    for name in _look_names(volume):
        region = here(volume.arrays[name].whole())
        look = np.where(region > 0, region, look)
    return np.concatenate([shown.image, np.stack([truth, suspicious, look])])


def _suspicious(ct: CTVolume, lungs: LabelArray) -> BoolArray:
    """The pixels of the semi-infection mask: between the scan's deviation and the valley of its
    histogram."""
    grey = remove_batch_effect(ct.hu)
    low, high = band(grey)
    return np.asarray((grey > low) & (grey < high) & (lungs > 0))


def _label_planes(
    planes: NDArray[np.uint8], crops: Sequence[Crop], masks: BoolArray, side: int
) -> NDArray[np.uint8]:
    """uint8 ``[n, 5, y, x]``: mask, rectangle, TRUTH, SUSPICIOUS, LOOK; black surroundings hold nothing."""
    result = np.zeros((len(crops), 5, side, side), np.uint8)
    result[:, 0] = masks
    for index, crop in enumerate(crops):
        inside = placed(crop)
        result[(index, 1, *inside)] = 1
        result[(index, slice(2, 5), *inside)] = planes[(slice(TRUTH, LOOK + 1), crop.place, *crop.box)]
    return result


def _augmented(
    slices: NDArray[np.uint8], labels: NDArray[np.uint8], draws: Draws, ranges: Ranges
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Move and degrade in HU; what lies outside the rectangle stays black."""
    hu = torch.from_numpy(slices).to(draws.device).float() * (SCALE_HU / GREYS) + AIR_HU
    hu, moved = move(hu, torch.from_numpy(labels).to(draws.device), draws, ranges)
    hu = degrade(mix_neighbours(hu, draws, ranges), draws, ranges)
    grey = ((hu - AIR_HU) * (GREYS / SCALE_HU)).clamp(0, GREYS).round() * moved[:, 1:2]
    return grey.to(torch.uint8).cpu().numpy(), moved.cpu().numpy()
