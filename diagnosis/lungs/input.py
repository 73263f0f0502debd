"""What the lung networks see: the lung window in 256 grey values, in training and in use alike."""

from __future__ import annotations

import numpy as np

from diagnosis.volume import FloatArray, HounsfieldArray

WINDOW_HU = (-1200.0, 600.0)
"""Wang et al., TMI 2020, section III-B: shown as 0..255, divided by 255."""
DEEPMEDIC_WINDOW_HU = (-1100.0, 100.0)
"""Berenguer et al., 2020: clipped and scaled to 0..1."""
_GREYS = 255.0


def lung_window(hu: FloatArray | HounsfieldArray) -> FloatArray:
    """Return float32 grey values 0..1 in steps of 1/255, of the input's shape."""
    return np.asarray(np.rint(in_window(hu, WINDOW_HU) * _GREYS) / np.float32(_GREYS), dtype=np.float32)


def deepmedic_window(hu: FloatArray | HounsfieldArray) -> FloatArray:
    """Return float32 values 0..1 of the window of the DeepMedic-type network."""
    return in_window(hu, DEEPMEDIC_WINDOW_HU)


def in_window(hu: FloatArray | HounsfieldArray, window: tuple[float, float]) -> FloatArray:
    """Return float32 values 0..1 of a window in HU, clipped."""
    low, high = window
    values = np.clip(hu, low, high).astype(np.float32)
    values -= np.float32(low)
    values /= np.float32(high - low)
    return values
