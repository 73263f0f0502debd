"""Thresholds from a histogram: two means, and the valley between two peaks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_BINS = 512
_PEAK_SMOOTHING_BINS = 4.0


def two_means_threshold(values: NDArray[np.generic], rounds: int = 100) -> float:
    """Return the border between the two clusters of K-means with k = 2 on scalar values.

    Runs on a histogram of 512 bins, so its cost hardly depends on the number of values. Values that are
    all equal are one cluster: that value is returned, and nothing lies below it.
    """
    counts, edges = np.histogram(values, bins=_BINS)
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.concatenate([[0], np.cumsum(counts)])
    sums = np.concatenate([[0.0], np.cumsum(counts * centres)])
    if not counts.any() or values.min() == values.max():
        return float(values.min()) if values.size else 0.0
    border = float(edges[0] + edges[-1]) / 2
    for _ in range(rounds):
        at = int(np.searchsorted(centres, border))
        if below[at] == 0 or below[at] == below[-1]:
            break
        low = sums[at] / below[at]
        high = (sums[-1] - sums[at]) / (below[-1] - below[at])
        if abs((low + high) / 2 - border) < (edges[1] - edges[0]) / 100:
            break
        border = float(low + high) / 2
    return border


def valley(values: NDArray[np.generic], divide: float) -> float:
    """Return the value with the fewest counts between the highest peaks below and above ``divide``.

    Where the valley has a flat floor (within a thousandth of the lower peak) its middle is taken.
    """
    counts, edges = np.histogram(values, bins=_BINS)
    smooth = ndimage.gaussian_filter1d(counts.astype(np.float64), _PEAK_SMOOTHING_BINS)
    centres = (edges[:-1] + edges[1:]) / 2
    at = int(np.clip(np.searchsorted(centres, divide), 1, _BINS - 1))
    first = int(smooth[:at].argmax())
    second = at + int(smooth[at:].argmax())
    between = smooth[first : second + 1]
    floor = between.min() + min(smooth[first], smooth[second]) / 1000
    return float(centres[first + np.flatnonzero(between <= floor)].mean())
