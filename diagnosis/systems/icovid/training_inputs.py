"""What icovid is trained on: its input of every study, its lesions as a network would find them, moved and
degraded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from diagnosis.lesions.segmentation import LESION_WEIGHTS
from diagnosis.preprocessing.masked_grid import GREYS
from diagnosis.results import ATELECTASIS, INFECTED_VALUES
from diagnosis.systems.icovid.network import Side
from diagnosis.systems.icovid.preprocessing import WINDOW_HU, InputSize, as_tensor, network_input
from diagnosis.systems.study_lesions import found_lesions, lesion_version
from diagnosis.systems.study_lungs import lungs_of
from diagnosis.systems.study_outlines import outlines_at
from diagnosis.training.augmentation import (
    FIELD_KNOTS,
    Draws,
    Ranges,
    degrade,
    mix_neighbours,
    move,
    smooth_field,
)
from diagnosis.training.kept import kept
from diagnosis.training.labelled import CT, LabelledVolume
from diagnosis.volume import CTVolume
from diagnosis.weight_files import shipped

FOR_PHANTOMS = Ranges(
    rotation_degrees=10.0, zoom=(0.85, 1.15), shear=0.1, shift=0.06, noise_hu=(4.0, 40.0), blur_pixels=0.8,
    lowest_resolution=0.6,
)  # fmt: skip
"""The HU changes that carried networks from phantoms to real CT, milder because pixels are larger here."""
LesionSource = Literal["truth", "automatic"]
"""``truth``: as outlined where nearly all of a study is known, found as in use elsewhere."""
ENOUGH_KNOWN = 0.8
"""Part of a study that outlines must speak of to stand for all its lesions."""
_CT, _LESIONS = range(2)


@dataclass(frozen=True, slots=True)
class Disturbance:
    """How lesions that are known differ from lesions as a network finds them; chances are per study.

    ``missed``: largest part of the lesions that is not marked. ``invented``: largest part of the lungs that
    is marked without a lesion. ``rim``: chance to be a pixel too large, and as much to be one too small.
    ``alike``: chance that atelectasis is marked as infection. ``untold``: chance that all infection has one
    type.
    """

    missed: float = 0.5
    invented: float = 0.03
    rim: float = 0.3
    alike: float = 0.4
    untold: float = 0.7


AS_FOUND = Disturbance()
"""About what the shipped network does to phantoms of unseen scanners: mean Dice 0.6, pooled 0.8."""


def study_input(
    volume: LabelledVolume, size: InputSize, cache: Path, lesions: LesionSource = "truth"
) -> NDArray[np.uint8]:
    """Return uint8 ``[3, z, y, x]``: CT 0..255 and lesions 0 to 4 as `network_input` gives them, and the
    outlined lesion values (UNKNOWN where nothing is known).

    Made once and kept in ``cache``. Raises RefusedInput: ``no_lungs``; ``no_weights`` or ``bad_weights`` when
    lesions must be found.
    """
    version = lesions_at(volume, lesions)
    known = ".".join(
        volume.arrays[name].path.stem[:16] if volume.has(name) else "none"
        for name in ("lungs", "outline", "ignore")
    )
    name = f"{volume.arrays[CT].path.stem}.icovid-{version}.{known}.{size.side}-{size.slice_mm}.npy"
    return kept(cache / name, lambda: _made(volume, size, cache, true=version == "truth"))


def lesions_at(volume: LabelledVolume, wanted: LesionSource) -> str:
    """Return where the lesions of a study come from in the end: "truth", or the version of the network.

    Raises RefusedInput: ``no_weights``, ``bad_weights``.
    """
    return "truth" if wanted == "truth" and _outlined(volume) else lesion_version()


def in_use(side: Side) -> LesionSource:
    """Return where lesions of validation studies come from: found, if the network for them is there.

    A network without side information never sees them: nothing is found for it.
    """
    return "truth" if side == "none" or shipped(LESION_WEIGHTS) is None else "automatic"


def augmented(
    image: Tensor, side: Side, draws: Draws, disturbance: Disturbance = AS_FOUND
) -> tuple[Tensor, Tensor]:
    """Move and degrade all slices of an input uint8 ``[3, z, y, x]`` alike, and disturb its lesions.

    Returns the network's input float32 ``[z, channels, y, x]`` and the outlined values uint8 ``[z, y, x]``.
    """
    low, high = WINDOW_HU
    depth = image.shape[1]
    hu = image[_CT][None].float() * ((high - low) / GREYS) + low
    hu, labels = move(hu, image[_LESIONS:].flatten(0, 1)[None], draws, FOR_PHANTOMS)
    inside = hu[0] > low
    hu = degrade(mix_neighbours(hu, draws, FOR_PHANTOMS), draws, FOR_PHANTOMS)
    grey = (hu[0].clamp(low, high) - low) * (GREYS / (high - low)) * inside
    lesions = disturbed(labels[0, :depth], labels[0, depth:], inside, draws, disturbance)
    return as_tensor(torch.stack([grey.round().byte(), lesions]), side), labels[0, depth:]


def disturbed(
    lesions: Tensor, outlines: Tensor, inside: Tensor, draws: Draws, amount: Disturbance = AS_FOUND
) -> Tensor:
    """Return true lesions 0 to 4, uint8 ``[z, y, x]``, as a network might have found them.

    ``outlines`` holds what is known of the same voxels, ``inside`` says which are lung.
    """
    alike, untold, rim, missed, invented = draws.uniform(0, 1, (5,)).tolist()
    kinds = draws.numpy.integers(1, len(INFECTED_VALUES) + 1, 2).tolist()
    if alike < amount.alike:
        lesions = torch.where((outlines == ATELECTASIS) & inside, kinds[0], lesions)
    if rim < amount.rim:
        lesions = _pooled(lesions)
    elif rim > 1 - amount.rim:
        lesions = lesions * (1 - _pooled((lesions == 0).byte()))
    lesions = torch.where(_patches(lesions > 0, amount.missed * missed, draws), 0, lesions)
    extra = _patches(inside, amount.invented * invented, draws) & (lesions == 0)
    lesions = torch.where(extra, kinds[0], lesions) * inside
    if untold < amount.untold:
        lesions = torch.where(lesions > 0, kinds[1], 0)
    return lesions.byte()


def _pooled(labels: Tensor) -> Tensor:
    """The largest label within a pixel in the plane."""
    return functional.max_pool2d(labels.float()[:, None], 3, 1, 1)[:, 0].byte()


def _patches(where: Tensor, part: float, draws: Draws) -> Tensor:
    """About this part of the true voxels of a mask ``[z, y, x]``, in patches some centimetres wide.

    Patches drift from slice to slice: one smooth field at each end of the stack, mixed in between.
    """
    knots = draws.normal((2, 1, 2 * FIELD_KNOTS, 2 * FIELD_KNOTS))
    ends = smooth_field(knots, where.shape[1:])[:, 0]
    turn = torch.linspace(0, torch.pi / 2, len(where), device=where.device)[:, None, None]
    field = ends[0] * torch.cos(turn) + ends[1] * torch.sin(turn)
    values = field[where]
    if not len(values) or part <= 0:
        return torch.zeros_like(where)
    return where & (field >= torch.quantile(values[:: max(1, len(values) // 10_000)], 1 - part))


def _outlined(volume: LabelledVolume) -> bool:
    """Whether outlines speak of nearly all of a study, as those of phantoms do."""
    if not volume.has("outline"):
        return False
    ignored = volume.counts["ignore"][:, 1:].sum() if volume.has("ignore") else 0
    return float(ignored) <= (1 - ENOUGH_KNOWN) * math.prod(volume.shape)


def _made(volume: LabelledVolume, size: InputSize, cache: Path, *, true: bool) -> NDArray[np.uint8]:
    lungs = lungs_of(volume, cache)
    outlined = outlines_at(volume, volume.affine, volume.shape)
    lesions = outlined if true else found_lesions(volume, lungs, cache)
    shown = network_input(CTVolume(volume.arrays[CT].whole(), volume.affine), lungs, lesions, size)
    outlines = outlines_at(volume, shown.affine, shown.image.shape[1:])
    return np.concatenate([shown.image, outlines[None]])
