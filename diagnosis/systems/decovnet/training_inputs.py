"""What DeCoVNet is trained on: its input of every study and the lesions in it, moved and degraded."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from diagnosis.lungs.input import WINDOW_HU
from diagnosis.lungs.training import BRIGHTNESS, CONTRAST
from diagnosis.systems.decovnet.preprocessing import GREYS, InputSize, network_input
from diagnosis.systems.study_lungs import lungs_of
from diagnosis.systems.study_outlines import outlines_at
from diagnosis.training.augmentation import Draws, Ranges, change_grey, degrade, mix_neighbours, move
from diagnosis.training.kept import kept
from diagnosis.training.labelled import CT, LabelledVolume
from diagnosis.volume import CTVolume

PUBLISHED = Ranges(
    rotation_degrees=10.0, zoom=(0.8, 1.2), anisotropy=0.0, shear=math.tan(math.radians(10.0)), shift=0.1,
    elastic=0.0, flip=0.0,
)  # fmt: skip
"""Section II-F: rotation and shear to 10 degrees, translation to 10 %, scale to 20 %."""
FOR_PHANTOMS = Ranges(
    rotation_degrees=10.0, zoom=(0.85, 1.2), shear=0.1, shift=0.06, noise_hu=(4.0, 40.0), blur_pixels=0.8,
    lowest_resolution=0.6,
)  # fmt: skip
"""Published geometry with flips, and the HU changes that carried networks from phantoms to real CT, milder
because pixels are larger here."""
_CT, _MASK, _LESIONS = range(3)


def study_input(volume: LabelledVolume, size: InputSize, cache: Path) -> NDArray[np.uint8]:
    """Return uint8 ``[3, z, y, x]``: CT 0..255, lung mask, lesion values (UNKNOWN where nothing is known).

    Made once and kept in ``cache``. Raises RefusedInput (code ``no_lungs``).
    """
    known = ".".join(
        volume.arrays[name].path.stem[:16] if volume.has(name) else "none"
        for name in ("lungs", "outline", "ignore")
    )
    name = f"{volume.arrays[CT].path.stem}.{known}.{size.height}x{size.width}-{size.slice_mm}.npy"
    return kept(cache / name, lambda: _made(volume, size, cache))


def augmented(image: Tensor, draws: Draws, *, published: bool) -> tuple[Tensor, Tensor]:
    """Move and degrade all slices of an input uint8 ``[3, z, y, x]`` alike.

    Returns the network's input float32 ``[2, z, y, x]`` and the lesion values uint8 ``[z, y, x]``.
    """
    low, high = WINDOW_HU
    hu = image[_CT][None].float() * ((high - low) / GREYS) + low
    depth = len(image[_MASK])
    ranges = PUBLISHED if published else FOR_PHANTOMS
    hu, labels = move(hu, torch.cat([image[_MASK], image[_LESIONS]])[None], draws, ranges)
    if published:
        grey = change_grey(_greys(hu), draws, BRIGHTNESS, CONTRAST)
    else:
        grey = _greys(degrade(mix_neighbours(hu, draws, ranges), draws, ranges))
    return torch.cat([grey, labels[:, :depth].float()]), labels[0, depth:]


def _made(volume: LabelledVolume, size: InputSize, cache: Path) -> NDArray[np.uint8]:
    ct = CTVolume(volume.arrays[CT].whole(), volume.affine)
    shown = network_input(ct, lungs_of(volume, cache), size)
    return np.concatenate([shown.image, outlines_at(volume, shown.affine, shown.image.shape[1:])[None]])


def _greys(hu: Tensor) -> Tensor:
    low, high = WINDOW_HU
    return (hu.clamp(low, high) - low) / (high - low)
