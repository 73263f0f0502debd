"""The infected part of the lungs from both maps (Ghavami Modegh et al., section 2.8)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diagnosis.lungs.kmeans import kmeans_lungs
from diagnosis.lungs.morphology import bounding_box
from diagnosis.preprocessing.batch_effect import remove_batch_effect
from diagnosis.preprocessing.network_grid import cropped_affine
from diagnosis.preprocessing.resampling import positions_in, sample_linear
from diagnosis.systems.interface import Case
from diagnosis.systems.patchwise.painting import painted
from diagnosis.systems.patchwise.patches import FINE, coarse_patches
from diagnosis.systems.patchwise.preprocessing import InputSize, NetworkInput, Views, placed
from diagnosis.systems.patchwise.reading import FirstLook
from diagnosis.volume import BoolArray, LabelArray

_HALF = 0.5


def infected_pixels(views: Views, first: FirstLook, infected_above: tuple[float, float]) -> BoolArray:
    """Return bool ``[z, y, x]`` on the grid of the input: where a coarse and a fine patch say infected.

    Every patch is painted on its whole footprint, the larger probability where several lie; both maps must
    be above ``infected_above`` (coarse, fine). What lies outside the rectangle around the lung does not
    count.
    """
    return infected_by_pairs(views, first, [infected_above])[0]


def infected_by_pairs(
    views: Views, first: FirstLook, pairs: Sequence[tuple[float, float]]
) -> list[BoolArray]:
    """Return what `infected_pixels` does for several pairs of probabilities."""
    infected = [np.zeros(views.image.shape[1:], dtype=bool) for _ in pairs]
    least = min(above_fine for _, above_fine in pairs)
    patches = coarse_patches(views.side)
    for crop, coarse, fine in zip(views.crops, first.coarse, first.fine, strict=True):
        if not (fine > least).any():
            continue
        inside = placed(crop)
        large, small = painted(coarse[None], patches)[0][inside], painted(fine[None], FINE)[0][inside]
        for found, (above_coarse, above_fine) in zip(infected, pairs, strict=True):
            found[(crop.place, *crop.box)] |= (large > above_coarse) & (small > above_fine)
    return infected


def infected_voxels(infected: BoolArray, shown: NetworkInput, case: Case) -> BoolArray:
    """Return the infected pixels on the series grid: where at least half of a voxel's surroundings are."""
    result = np.zeros(case.volume.shape, dtype=bool)
    if not infected.any():
        return result
    box = bounding_box((shown.lungs > 0) | (case.lungs > 0))
    affine = cropped_affine(case.volume.affine, box)
    positions = positions_in(shown.affine, affine, result[box].shape)
    result[box] = sample_linear(infected.astype(np.float32), positions) >= _HALF
    return result


def denominator(case: Case, shown: NetworkInput, size: InputSize, choice: str) -> LabelArray:
    """Return the lungs (1 right, 2 left) that infected % refers to, for a value of the option
    ``denominator``."""
    if choice == "closed":
        return case.lungs
    if size.lungs == "kmeans":
        return shown.lungs
    return kmeans_lungs(remove_batch_effect(case.volume.hu))
