"""Grey values and lung mask of a scan on the grid of a network, from no more memory than a slab needs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from diagnosis.preprocessing.resampling import (
    Factors,
    Positions,
    block_affine,
    block_mean,
    positions_in,
    sample_linear,
)
from diagnosis.volume import Affine, BoolArray, FloatArray, HounsfieldArray, LabelArray

GREYS = 255
_SLAB = 16

Window = Callable[[HounsfieldArray], FloatArray]
"""HU to grey values 0..1."""


def grey_and_mask(
    hu: HounsfieldArray,
    inside: BoolArray,
    window: Window,
    source: Affine,
    target: Affine,
    shape: tuple[int, int, int],
    factors: Factors,
) -> LabelArray:
    """Return uint8 ``[2, z, y, x]`` on a target grid: grey values 0..255 of the window, mask 0 or 1.

    ``hu`` and ``inside`` are ``[z, y, x]`` on the grid of ``source``. Grey values first, then blocks of
    ``factors`` are averaged, then linear interpolation with half-pixel centres; the mask holds what is at
    least half inside. Beyond the source its edge is repeated.
    """
    image = np.empty((2, *shape), dtype=np.uint8)
    z, y, x = positions_in(block_affine(source, factors), target, shape)
    for start in range(0, len(z), _SLAB):
        positions = (z[start : start + _SLAB], y, x)
        image[:, start : start + _SLAB] = _sampled(hu, inside, window, factors, positions)
    return image


def _sampled(
    hu: HounsfieldArray, inside: BoolArray, window: Window, factors: Factors, positions: Positions
) -> LabelArray:
    """Grey values and mask at some slices of the target, from no more of the scan than they need."""
    z, y, x = positions
    last = -(-len(hu) // factors[0]) - 1
    first = min(last, max(0, int(np.floor(z[0]))))
    end = min(last, max(0, int(np.ceil(z[-1])))) + 1
    part = slice(first * factors[0], end * factors[0])
    here = (z - first, y, x)
    grey = sample_linear(block_mean(window(hu[part]), factors), here)
    share = sample_linear(block_mean(inside[part], factors), here)
    return np.stack([np.rint(grey * GREYS), share >= 0.5]).astype(np.uint8)
