"""The body in an axial CT: what is left when the air outside, clothes and the table are taken away."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from diagnosis.lungs.morphology import Spacing, dilated, disk, opened
from diagnosis.volume import BoolArray, FloatArray

AIR_HU = -400.0
PADDING_HU = -1500.0
_DETACH_MM = 6.0
_EDGE_GAP_DEGREES = 50.0
_IN_PLANE = np.stack([np.zeros((3, 3)), [[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.zeros((3, 3))])


def body_mask(hu: FloatArray, spacing_mm: Spacing) -> BoolArray:
    """Return the body with its lungs and airways, slice by slice, ``[z, y, x]``.

    Air joined to the image border is outside. Lungs still belong to the body when they are opened, so a
    chest wall of a few millimetres does not break. Where the field of view cuts the body, the border
    between two nearby points of body counts as wall, so that a cut chest keeps its lungs.
    """
    solid = ~_outside(hu)
    core = opened(solid, disk(spacing_mm, _DETACH_MM)[None])
    labels, count = ndimage.label(core, _IN_PLANE)
    body = np.zeros(hu.shape, dtype=bool)
    for index, image in enumerate(labels):
        sizes = np.bincount(image.ravel(), minlength=count + 1)
        sizes[0] = 0
        if sizes.any():
            body[index] = image == sizes.argmax()
    return body


def _outside(hu: FloatArray) -> BoolArray:
    """Air that reaches the rim of the reconstructed image, in its slice, without passing the body."""
    padded = np.pad(hu, ((0, 0), (1, 1), (1, 1)), constant_values=2 * PADDING_HU)
    nothing = padded < PADDING_HU
    rim = dilated(nothing, np.ones((1, 3, 3), dtype=bool)) & ~nothing
    soft = padded >= AIR_HU
    for index in np.flatnonzero((rim & soft).any(axis=(1, 2))):
        rim[index] &= ~_walled(rim[index], soft[index])
    labels, count = ndimage.label(~soft & ~nothing, _IN_PLANE)
    opens = np.zeros(count + 1, dtype=bool)
    opens[labels[rim]] = True
    opens[0] = False
    return np.asarray((opens[labels] | nothing)[:, 1:-1, 1:-1])


def _walled(rim: BoolArray, soft: BoolArray) -> BoolArray:
    """Rim voxels in a short gap between two places where thick body touches the rim."""
    y, x = np.nonzero(rim)
    middle = [(size - 1) / 2 for size in rim.shape]
    degree = (np.degrees(np.arctan2(y - middle[0], x - middle[1])) % 360).astype(int) % 360
    thick = ndimage.binary_opening(soft, np.ones((5, 5), dtype=bool))
    touched = np.zeros(360, dtype=bool)
    touched[degree[thick[y, x]]] = True
    walled = np.zeros(rim.shape, dtype=bool)
    if touched.any():
        gap = _gap_length(touched)
        near = (gap > 0) & (gap <= _EDGE_GAP_DEGREES)
        walled[y[near[degree]], x[near[degree]]] = True
    return walled


def _gap_length(touched: BoolArray) -> NDArray[np.int64]:
    """For every degree of the circle: length of the run without contact it lies in, 0 at a contact."""
    start = int(np.flatnonzero(touched)[0])
    turned = np.roll(touched, -start)
    labels, count = ndimage.label(~turned)
    lengths = np.bincount(labels, minlength=count + 1)
    lengths[0] = 0
    return np.roll(lengths[labels], start)
