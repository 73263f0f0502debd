"""The outlined lesions of labelled studies on the grid that a network sees."""

from __future__ import annotations

import numpy as np

from diagnosis.preprocessing.resampling import positions_in
from diagnosis.results import ATELECTASIS, EFFUSION, INFECTED_VALUES, NODULE
from diagnosis.training.labelled import LabelledVolume
from diagnosis.volume import Affine, LabelArray

LESION_VALUES = (*INFECTED_VALUES, EFFUSION, NODULE, ATELECTASIS)
"""What voxels can teach: infections by type, and what looks like them."""
UNKNOWN = 255
"""Lesion value of voxels of which nothing is known."""


def outlines_at(volume: LabelledVolume, affine: Affine, shape: tuple[int, ...]) -> LabelArray:
    """Return the lesion values at the voxels ``[z, y, x]`` of another grid, nearest neighbour, uint8.

    Ignored voxels are UNKNOWN; without outlines all are.
    """
    if not volume.has("outline"):
        return np.full(shape, UNKNOWN, np.uint8)
    labels = volume.arrays["outline"].whole()
    if volume.has("ignore"):
        labels = np.where(volume.arrays["ignore"].whole() > 0, UNKNOWN, labels)
    return nearest_at(labels, volume.affine, affine, shape)


def nearest_at(labels: LabelArray, source: Affine, target: Affine, shape: tuple[int, ...]) -> LabelArray:
    """Return labels ``[z, y, x]`` of the grid ``source`` on another one of this shape, nearest neighbour."""
    nearest = [
        np.clip(np.rint(along).astype(np.intp), 0, count - 1)
        for along, count in zip(positions_in(source, target, shape), labels.shape, strict=True)
    ]
    return np.asarray(labels[np.ix_(*nearest)], dtype=np.uint8)
