"""From the coarser grid lungs are found on back to the series: linear, label by label."""

from __future__ import annotations

import numpy as np

from diagnosis.lungs.morphology import bounding_box
from diagnosis.preprocessing.resampling import positions_in, sample_linear
from diagnosis.results import LEFT_LUNG, RIGHT_LUNG
from diagnosis.volume import Affine, BoolArray, CTVolume, LabelArray

_SLAB = 16


def on_series_grid(labels: LabelArray, affine: Affine, volume: CTVolume) -> LabelArray:
    """Return lung labels ``[z, y, x]`` of the grid of ``affine`` on the series grid.

    A voxel belongs to a lung when more than half of what surrounds it on the coarser grid does.
    """
    result = np.zeros(volume.shape, dtype=np.uint8)
    z, y, x = positions_in(affine, volume.affine, volume.shape)
    for label in (RIGHT_LUNG, LEFT_LUNG):
        if not (labels == label).any():
            continue
        box = bounding_box(labels == label, margin=1)
        rows, columns = (
            slice(*np.searchsorted(positions, (part.start - 1, part.stop)))
            for positions, part in ((y, box[1]), (x, box[2]))
        )
        inside = (labels[:, box[1], box[2]] == label).astype(np.float32)
        for start in range(0, len(z), _SLAB):
            slab = slice(start, start + _SLAB)
            nearest = np.clip(np.rint(z[slab]).astype(int), 0, len(labels) - 1)
            first, last = max(0, int(nearest[0]) - 1), int(nearest[-1]) + 2
            part = inside[first:last]
            if part.any():
                target = result[slab, rows, columns]
                positions = (z[slab] - first, y[rows] - box[1].start, x[columns] - box[2].start)
                target[sample_linear(part, positions) > 0.5] = label
    return result


def nearest_on(
    mask: LabelArray | BoolArray, affine: Affine, target: Affine, shape: tuple[int, ...]
) -> LabelArray:
    """Return the nearest values of ``mask`` (on the grid of ``affine``) at the voxels of another grid.

    0 outside the first grid.
    """
    picked, valid = [], []
    for positions, size in zip(positions_in(affine, target, shape), mask.shape, strict=True):
        index = np.floor(positions + 0.5).astype(np.intp)
        valid.append((index >= 0) & (index < size))
        picked.append(np.clip(index, 0, size - 1))
    values = mask[np.ix_(*picked)].astype(np.uint8)
    values[~np.logical_and.outer(np.logical_and.outer(valid[0], valid[1]), valid[2])] = 0
    return values
