"""Where the patches of the two maps lie in the image of a lung."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patches:
    """Square patches of ``size`` pixels, ``stride`` pixels apart: patch p covers the pixels from
    ``stride * p - before`` on. What sticks out of the image is cut."""

    size: int
    stride: int
    before: int


PAPER_SIDE = 256
"""Pixels of a published image."""
COARSE = Patches(36, 8, 14)
"""36 x 36 with an overlap of 28. With the three convolutions of Table 1 a cell sees 44 pixels; the
published 36 are what it speaks for."""
FINE = Patches(6, 2, 2)
"""6 x 6 with an overlap of 4: what a cell sees after the first pool."""


def coarse_patches(side: int) -> Patches:
    """Return the coarse patches of images of ``side`` pixels: COARSE at the published side.

    A smaller image shows the same lung in fewer pixels. Its patches cover the same part of the lung, rounded
    up, and leave no gaps; 36 pixels would reach the pleura from everywhere.
    """
    half = max(COARSE.stride // 2, -(-COARSE.size * side // (2 * PAPER_SIDE)))
    return Patches(2 * half, COARSE.stride, half - COARSE.stride // 2)
