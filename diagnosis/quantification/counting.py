"""One pass over the label volumes: how many voxels of each combination every slice holds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from diagnosis.quantification.rim import subpleural
from diagnosis.results import INFECTED_VALUES, LESIONS, LOBES
from diagnosis.volume import LabelArray

Counts = NDArray[np.int64]
"""Voxels ``[z, lung, lobe, rim, lesion]``: lung 0 outside, 1 right, 2 left; lobe 0 none; rim 0 central, 1
subpleural; lesion 0 none. Array slices, most caudal first."""

SUBPLEURAL, CENTRAL = 1, 0
INFECTED = slice(min(INFECTED_VALUES), max(INFECTED_VALUES) + 1)
_SHAPE = (3, max(LOBES) + 1, 2, max(LESIONS) + 1)
_SIZE = int(np.prod(_SHAPE))
_RIGHT_LOBES, _LEFT_LOBES = slice(1, 4), slice(4, 6)


def count_voxels(
    lesions: LabelArray,
    lungs: LabelArray,
    lobes: LabelArray | None = None,
    spacing_mm: tuple[float, float, float] | None = None,
) -> Counts:
    """Count the voxels of every combination of labels in every slice.

    All volumes are uint8 ``[z, y, x]`` on one grid. Without ``lobes`` every voxel has lobe 0, without
    ``spacing_mm`` (z, y, x) every voxel is central. One table of combined codes per slice costs one
    reading of the volumes; masks for every question would cost dozens. Raises ValueError for volumes of
    two grids, values that are no labels, and lobes in the lung of the other side.
    """
    _check_grids(lesions, lungs, lobes)
    counts = np.zeros((len(lungs), *_SHAPE), dtype=np.int64)
    for index, (found, sides) in enumerate(zip(lesions, lungs, strict=True)):
        parts = None if lobes is None else lobes[index]
        if not sides.any() and not found.any():
            counts[index, 0, 0, 0, 0] = sides.size
            continue
        _check_values(found, sides, parts)
        code = sides.astype(np.uint16)
        code *= _SHAPE[1]
        if parts is not None:
            code += parts
        code *= _SHAPE[2]
        if spacing_mm is not None:
            code += subpleural(sides, spacing_mm[1:])
        code *= _SHAPE[3]
        code += found
        counts[index] = np.bincount(code.ravel(), minlength=_SIZE).reshape(_SHAPE)
    if counts[:, 1, _LEFT_LOBES].any() or counts[:, 2, _RIGHT_LOBES].any():
        raise ValueError("a lobe of one side lies in the lung of the other side")
    return counts


def voxels_by_value(labels: LabelArray) -> NDArray[np.int64]:
    """Return how many voxels of a uint8 label volume have each of the 256 values."""
    counts = np.zeros(256, dtype=np.int64)
    for image in labels:
        counts += np.bincount(image.ravel(), minlength=256)
    return counts


def _check_grids(lesions: LabelArray, lungs: LabelArray, lobes: LabelArray | None) -> None:
    if lesions.shape != lungs.shape:
        raise ValueError(f"infected {lesions.shape} and lungs {lungs.shape} are not on one grid")
    if lobes is not None and lobes.shape != lungs.shape:
        raise ValueError(f"lobes {lobes.shape} and lungs {lungs.shape} are not on one grid")


def _check_values(found: LabelArray, sides: LabelArray, parts: LabelArray | None) -> None:
    """A value above the highest one would be counted as another combination."""
    for image, name, size in (
        (sides, "lungs", 3),
        (parts, "lobes", _SHAPE[1]),
        (found, "lesions", _SHAPE[3]),
    ):
        if image is not None and int(image.max()) >= size:
            raise ValueError(f"{name} hold the value {int(image.max())}, which is no label")
