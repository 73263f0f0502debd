"""What the lesion networks see: scaled values of a slice and its neighbours, for training and use."""

from __future__ import annotations

import numpy as np

from diagnosis.volume import FloatArray, HounsfieldArray

WINDOW_HU = (-1100.0, 300.0)
"""Below air to above contrast-free soft tissue; scaled to 0..1."""
NEIGHBOUR_MM = 4.5
"""Distance of the slices below and above the one that is read."""
THINNEST_MM = 2.0
"""Thinner slices are pooled in threes or pairs: less noise, and fewer slices to read."""


def lesion_window(hu: FloatArray | HounsfieldArray) -> FloatArray:
    """Return float32 0..1 of the input's shape."""
    low, high = WINDOW_HU
    values = np.clip(hu, low, high).astype(np.float32)
    values -= np.float32(low)
    values /= np.float32(high - low)
    return values


def three_slices(volume: FloatArray | HounsfieldArray, index: int, spacing_z_mm: float) -> FloatArray:
    """Return float32 ``[3, y, x]``: 4.5 mm below slice ``index``, the slice, 4.5 mm above it.

    ``volume`` is ``[z, y, x]`` of any floating or integer values (already scaled or not). Between slices
    the values are linear in z; beyond the first and last slice those hold.
    """
    reach = NEIGHBOUR_MM / spacing_z_mm
    result = np.empty((3, *volume.shape[1:]), dtype=np.float32)
    result[0] = _at(volume, index - reach)
    result[1] = volume[index]
    result[2] = _at(volume, index + reach)
    return result


def _at(volume: FloatArray | HounsfieldArray, position: float) -> FloatArray:
    inside = min(max(position, 0.0), len(volume) - 1.0)
    low = int(inside)
    high = min(low + 1, len(volume) - 1)
    weight = np.float32(inside - low)
    lower = volume[low].astype(np.float32)
    return np.asarray(lower + (volume[high].astype(np.float32) - lower) * weight, dtype=np.float32)
