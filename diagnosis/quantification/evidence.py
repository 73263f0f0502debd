"""Evidence per slice of a heatmap, for systems that measure no volume of their own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from diagnosis.preprocessing.resampling import positions_in, sample_linear
from diagnosis.quantification.measuring import slice_evidence
from diagnosis.results import Heatmap
from diagnosis.volume import Affine, LabelArray, voxel_ml_of

_SLAB = 16


def heatmap_evidence(heatmap: Heatmap, lungs: LabelArray, affine: Affine) -> tuple[float, ...]:
    """Return the sum of value / reference over the lung of each slice in ml, cranial to caudal.

    A slice counts what a fully shown one (value = reference) of as much lung would; evidence against the
    class (negative values) counts nothing. Smoothed over z as infected volumes are. ``lungs`` is uint8
    ``[z, y, x]`` on the series grid of ``affine``.
    """
    per_slice = np.zeros(len(lungs), dtype=np.float64)
    flat = np.asarray(lungs.any(axis=0))
    y, x = np.flatnonzero(flat.any(axis=1)), np.flatnonzero(flat.any(axis=0))
    if len(y):
        box = slice(int(y[0]), int(y[-1]) + 1), slice(int(x[0]), int(x[-1]) + 1)
        at_z, at_y, at_x = positions_in(heatmap.affine, affine, lungs.shape)
        for start in range(0, len(lungs), _SLAB):
            here = slice(start, start + _SLAB)
            values = sample_linear(heatmap.values, (at_z[here], at_y[box[0]], at_x[box[1]]))
            inside = lungs[(here, *box)] > 0
            per_slice[here] = (np.maximum(values, 0) * inside).sum(axis=(1, 2), dtype=np.float64)
    return slice_evidence(per_slice / heatmap.reference, voxel_ml_of(affine))


def evidence_of_slices(
    values: NDArray[np.float64], source: Affine, affine: Affine, count: int
) -> tuple[float, ...]:
    """Return one value per slice of a series of ``count`` slices, cranial to caudal.

    ``values`` belong to the slices of a network's input on the grid of ``source``, caudal first. Linear in
    between; beyond the outer faces of that input the evidence is 0.
    """
    z = positions_in(source, affine, (count, 1, 1))[0]
    found = np.interp(z, np.arange(len(values)), values)
    found[(z < -0.5) | (z > len(values) - 0.5)] = 0.0
    return tuple(float(value) for value in found[::-1])
