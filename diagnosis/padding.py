"""Images padded with 0 HU, the density of water, where a scanner writes air or less."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from diagnosis.volume import BoolArray, CTVolume, HounsfieldArray

OUTSIDE_HU = -2000
"""What the padding becomes: less than any air, as most scanners write it."""
_FRAME_SHARE = 0.1
"""Of an image's outermost pixels. Noisy soft tissue at the edge is exactly 0 in 1 to 4 % of its pixels."""
_SLICE_SHARE = 0.5


def without_zero_padding(volume: CTVolume) -> tuple[CTVolume, str | None]:
    """Return the volume with its 0-HU padding turned into nothing, and the sentence that says so.

    Anonymising and resampling programs leave 0 HU around the reconstructed circle, which closes off the
    air of the room as if it lay inside a body. Padding is what is exactly 0 and joined, in its slice, to
    the frame of the image. The volume itself, and no sentence, when it has no such padding.
    """
    padded = np.array([_frame_share(image) >= _FRAME_SHARE for image in volume.hu])
    if padded.mean() < _SLICE_SHARE:
        return volume, None
    hu = volume.hu.copy()
    for index in np.flatnonzero(padded):
        hu[index][_joined_to_frame(hu[index] == 0)] = OUTSIDE_HU
    return CTVolume(hu, volume.affine), (
        "The image is padded with 0 HU, the density of water. The padding was taken as air outside the body."
    )


def _frame_share(image: HounsfieldArray) -> float:
    """Part of the outermost pixels that are exactly 0."""
    edges = (image[0], image[-1], image[1:-1, 0], image[1:-1, -1])
    return sum(int((edge == 0).sum()) for edge in edges) / sum(edge.size for edge in edges)


def _joined_to_frame(mask: BoolArray) -> BoolArray:
    labels, count = ndimage.label(mask)
    joined = np.zeros(count + 1, dtype=bool)
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        joined[edge] = True
    joined[0] = False
    return np.asarray(joined[labels])
