"""Blocks of volumes for 3-D networks: where to cut them, and cutting them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from diagnosis.preprocessing.resampling import Factors, block_mean
from diagnosis.training.labelled import LabelledVolume
from diagnosis.training.sampling import AIR_HU, Values
from diagnosis.volume import FloatArray, LabelArray

Shape = tuple[int, int, int]


def read_block(
    volume: LabelledVolume, centre: Shape, shape: Shape, factors: Factors, names: Sequence[str]
) -> tuple[FloatArray, list[LabelArray]]:
    """Return a block of HU float32 and of label arrays uint8, ``[z, y, x]`` of ``shape``.

    ``factors`` voxels along z, y, x become one: their mean HU, the label in their middle. ``centre`` is in
    voxels of the volume; outside it is air without labels.
    """
    size = [count * factor for count, factor in zip(shape, factors, strict=True)]
    start = [middle - length // 2 for middle, length in zip(centre, size, strict=True)]
    first, last = max(0, start[0]), min(volume.shape[0], start[0] + size[0])
    place = [start[0] - first, *start[1:]]
    hu = cut(volume.hu(first, last), place, size, AIR_HU)
    middle = tuple(slice(factor // 2, None, factor) for factor in factors)
    labels = [cut(volume.labels(name, first, last), place, size, 0)[middle] for name in names]
    return block_mean(hu, factors), [np.ascontiguousarray(label) for label in labels]


def cut(values: NDArray[Values], start: Sequence[int], size: Sequence[int], fill: int) -> NDArray[Values]:
    """Return ``values[start : start + size]`` along each axis, ``fill`` where that lies outside."""
    result = np.full(tuple(size), fill, values.dtype)
    source, target = [], []
    for begin, length, have in zip(start, size, values.shape, strict=True):
        low, high = min(max(0, begin), have), max(0, min(have, begin + length))
        source.append(slice(low, max(low, high)))
        target.append(slice(low - begin, max(low, high) - begin))
    result[tuple(target)] = values[tuple(source)]
    return result


def any_place(volume: LabelledVolume, randomness: np.random.Generator) -> Shape:
    """Return a random voxel."""
    z, y, x = (int(randomness.integers(size)) for size in volume.shape)
    return z, y, x


def place_with(
    volume: LabelledVolume, name: str, values: Sequence[int], randomness: np.random.Generator
) -> Shape:
    """Return a random voxel that holds one of these label values; any voxel when none does."""
    slices = volume.slices_with(name, values)
    if not len(slices):
        return any_place(volume, randomness)
    z = int(slices[randomness.integers(len(slices))])
    y, x = np.nonzero(np.isin(volume.labels(name, z, z + 1)[0], list(values)))
    chosen = int(randomness.integers(len(y)))
    return z, int(y[chosen]), int(x[chosen])
