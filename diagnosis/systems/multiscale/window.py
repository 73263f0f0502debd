"""The sliding window W(Q, S) of Hu et al., 2020: grey values without a fixed window of Hounsfield units."""

from __future__ import annotations

import numpy as np

from diagnosis.volume import FloatArray, HounsfieldArray

WINDOW_HU = 1500
"""Q: the size of the window. Not published; from air to dense bone."""
STEP_HU = 25
"""S: the step of the window. Not published."""
_BACKGROUND_HU = -900
"""A scanner that cuts off its range piles air up in one value below."""
_COARSE = 2
_LOWEST_HU, _HIGHEST_HU = -1500, 3500
"""What scanners write where they did not measure lies below the first of them."""


def low_of_window(hu: HounsfieldArray) -> float:
    """Return the lowest HU of the window that holds most pixels of a series ``[z, y, x]``.

    The window slides in steps of STEP_HU; of windows with as many pixels the lowest is taken. Padding does
    not count, and the most frequent value of the air counts once: how much of either there is says how large
    the field of view is and where the scanner cuts, not what the chest looks like. Every second pixel is
    looked at. A series of padding alone gives -1500.
    """
    values = np.clip(hu[:, ::_COARSE, ::_COARSE], _LOWEST_HU - 1, _HIGHEST_HU).ravel()
    counts = np.zeros(_HIGHEST_HU - _LOWEST_HU + 2, dtype=np.int64)
    for part in np.array_split(values, max(1, len(hu) // 16)):
        counts += np.bincount(part.astype(np.int32) - (_LOWEST_HU - 1), minlength=len(counts))
    counts = counts[1:]
    air = counts[: _BACKGROUND_HU - _LOWEST_HU]
    air[air.argmax()] = min(1, air.max())
    below = np.concatenate([[0], np.cumsum(counts)])
    starts = np.arange(0, len(counts) - WINDOW_HU, STEP_HU)
    held = below[starts + WINDOW_HU + 1] - below[starts]
    return float(_LOWEST_HU + starts[held.argmax()])


def windowed(hu: HounsfieldArray, low_hu: float) -> FloatArray:
    """Return float32 grey values 0..1 of the window that starts at ``low_hu``, of the input's shape."""
    values = np.clip(hu, low_hu, low_hu + WINDOW_HU).astype(np.float32)
    values -= np.float32(low_hu)
    values /= np.float32(WINDOW_HU)
    return values
