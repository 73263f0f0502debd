"""Which slices a batch takes, and reading them: rare things as often as common ones."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from diagnosis.preprocessing.network_grid import pooled_slices
from diagnosis.preprocessing.resampling import block_mean
from diagnosis.training.labelled import LabelledVolume
from diagnosis.volume import FloatArray, HounsfieldArray, LabelArray

AIR_HU = -1000
Values = TypeVar("Values", bound=np.generic)
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class SliceRef:
    """One slice of one study."""

    volume: LabelledVolume
    index: int


class BalancedSlices:
    """Draws slices: first a group, by its weight, then one of its slices.

    Groups without slices fall away and their weight goes to the others, so that a label folder without,
    say, effusion still trains.
    """

    def __init__(self, groups: Mapping[str, tuple[float, Sequence[SliceRef]]]) -> None:
        """Take ``{name: (weight, slices)}``. Raises ValueError when all groups are empty."""
        self._groups = [(weight, slices) for weight, slices in groups.values() if slices and weight > 0]
        if not self._groups:
            raise ValueError("no slices to draw from")
        weights = np.array([weight for weight, _ in self._groups])
        self._chances = weights / weights.sum()

    def draw(self, randomness: np.random.Generator, count: int) -> list[SliceRef]:
        """Return ``count`` slices."""
        chosen = randomness.choice(len(self._groups), size=count, p=self._chances)
        lists = [self._groups[group][1] for group in chosen]
        return [slices[int(randomness.integers(len(slices)))] for slices in lists]


def every_slice(volumes: Sequence[LabelledVolume], clip: tuple[float, float] = (0.0, 1.0)) -> list[SliceRef]:
    """Return the slices of all volumes between these parts of their height."""
    return [
        SliceRef(volume, index)
        for volume in volumes
        for index in range(int(clip[0] * volume.shape[0]), max(1, round(clip[1] * volume.shape[0])))
    ]


def slices_holding(
    volumes: Sequence[LabelledVolume], name: str, values: Sequence[int], at_least: int
) -> list[SliceRef]:
    """Return the slices in which these label values cover ``at_least`` voxels."""
    return [
        SliceRef(volume, int(index))
        for volume in volumes
        for index in volume.slices_with(name, values, at_least)
    ]


def evenly(items: Sequence[Item], count: int) -> list[Item]:
    """Return ``count`` items at even distances of the list, or all when there are fewer."""
    if len(items) <= count:
        return list(items)
    return [items[round(place)] for place in np.linspace(0, len(items) - 1, count)]


def slab_around(
    ref: SliceRef, reach_mm: float, thinnest_mm: float
) -> tuple[FloatArray | HounsfieldArray, int, float]:
    """Return the slices within ``reach_mm`` of a slice, the place of that slice among them, and their step.

    Slices thinner than ``thinnest_mm`` are averaged in groups around the slice, as they are in use.
    """
    depth, step = ref.volume.shape[0], ref.volume.spacing_mm[0]
    group = min(depth, pooled_slices(step, thinnest_mm))
    first = min(max(0, ref.index - group // 2), depth - group)
    reach = math.ceil(reach_mm / (step * group))
    below = min(reach, first // group)
    above = min(reach, (depth - first - group) // group)
    hu = ref.volume.hu(first - below * group, first + (above + 1) * group)
    return (hu if group == 1 else block_mean(hu, (group, 1, 1))), below, step * group


def pooled(images: FloatArray, factor: int) -> FloatArray:
    """Return means of ``factor`` x ``factor`` pixels of ``[n, y, x]``."""
    return images if factor == 1 else block_mean(images, (1, factor, factor))


def pooled_labels(labels: LabelArray, factor: int) -> LabelArray:
    """Return the label at the middle of ``factor`` x ``factor`` pixels of ``[..., y, x]``."""
    half = factor // 2
    size = [-(-side // factor) for side in labels.shape[-2:]]
    rows = np.minimum(np.arange(size[0]) * factor + half, labels.shape[-2] - 1)
    columns = np.minimum(np.arange(size[1]) * factor + half, labels.shape[-1] - 1)
    return labels if factor == 1 else np.asarray(labels[..., rows[:, None], columns])


def fitted(images: NDArray[Values], size: tuple[int, int], fill: int) -> NDArray[Values]:
    """Cut or fill ``[..., y, x]`` around its middle to ``size``, so that studies fit into one batch."""
    result = np.full((*images.shape[:-2], *size), fill, images.dtype)
    into: list[slice] = []
    outof: list[slice] = []
    for have, want in zip(images.shape[-2:], size, strict=True):
        length = min(have, want)
        into.append(slice((want - length) // 2, (want - length) // 2 + length))
        outof.append(slice((have - length) // 2, (have - length) // 2 + length))
    result[..., into[0], into[1]] = images[..., outof[0], outof[1]]
    return result
