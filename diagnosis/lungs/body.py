"""The body in an axial CT: what is left when the air outside, clothes and the table are taken away."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from diagnosis.lungs.morphology import Spacing, dilated, disk, opened
from diagnosis.preprocessing.batch_effect import background_hu
from diagnosis.volume import BoolArray, FloatArray

AIR_HU = -400.0
PADDING_HU = -1100.0
"""Below every air: block means that hold some of the scanner's padding are taken as padding too."""
_DETACH_MM = 6.0
_WALL_MM = 4.0
_WIDEST_GAP_DEGREES = 130
_ROOM_AIR_HU = -940.0
"""Scanners differ: room air of -949 was seen. A cut chest may show none at all, hence a highest value."""
_LUNG_ABOVE_AIR_HU = 50.0
_IN_PLANE = np.stack([np.zeros((3, 3)), [[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.zeros((3, 3))])


def body_mask(hu: FloatArray, spacing_mm: Spacing) -> BoolArray:
    """Return the body with its lungs and airways, slice by slice, ``[z, y, x]``.

    Air joined to the image border is outside. Lungs still belong to the body when they are opened, so a
    chest wall of a few millimetres does not break. Where the field of view cuts the body, the border
    between two places of body counts as wall where lung lies at it, so that a cut chest keeps its lungs.
    """
    solid = ~_outside(hu, spacing_mm)
    core = opened(solid, disk(spacing_mm, _DETACH_MM)[None])
    labels, count = ndimage.label(core, _IN_PLANE)
    body = np.zeros(hu.shape, dtype=bool)
    for index, image in enumerate(labels):
        sizes = np.bincount(image.ravel(), minlength=count + 1)
        sizes[0] = 0
        if sizes.any():
            body[index] = image == sizes.argmax()
    return body


def _outside(hu: FloatArray, spacing_mm: Spacing) -> BoolArray:
    """Air that reaches the rim of the reconstructed image, in its slice, without passing the body."""
    padded = np.pad(hu, ((0, 0), (1, 1), (1, 1)), constant_values=2 * PADDING_HU)
    nothing = _joined_to_frame(padded < PADDING_HU)
    rim = dilated(nothing, np.ones((1, 3, 3), dtype=bool)) & ~nothing
    soft = padded >= AIR_HU
    element = disk(spacing_mm, _WALL_MM)
    lung_from = min(background_hu(hu), _ROOM_AIR_HU) + _LUNG_ABOVE_AIR_HU
    for index in np.flatnonzero((rim & soft).any(axis=(1, 2))):
        rim[index] &= ~_walled(rim[index], soft[index], padded[index], element, lung_from)
    labels, count = ndimage.label(~soft & ~nothing, _IN_PLANE)
    opens = np.zeros(count + 1, dtype=bool)
    opens[labels[rim]] = True
    opens[0] = False
    return np.asarray((opens[labels] | nothing)[:, 1:-1, 1:-1])


def _joined_to_frame(mask: BoolArray) -> BoolArray:
    """What is joined, within its slice, to the frame of one pixel around the image: no speck inside."""
    labels, count = ndimage.label(mask, _IN_PLANE)
    joined = np.zeros(count + 1, dtype=bool)
    joined[labels[:, 0, 0]] = True
    joined[0] = False
    return np.asarray(joined[labels])


def _walled(
    rim: BoolArray, soft: BoolArray, image: FloatArray, element: BoolArray, lung_from: float
) -> BoolArray:
    """Rim voxels between two places where thick body touches the rim, when what lies there is lung.

    The air of a room is emptier than any lung that is not all emphysema.
    """
    y, x = np.nonzero(rim)
    middle = [(size - 1) / 2 for size in rim.shape]
    degree = (np.degrees(np.arctan2(y - middle[0], x - middle[1])) % 360).astype(int) % 360
    thick = ndimage.binary_opening(soft, element)
    touched = np.zeros(360, dtype=bool)
    touched[degree[thick[y, x]]] = True
    walled = np.zeros(rim.shape, dtype=bool)
    if not touched.any():
        return walled
    gap = _gaps(touched)[degree]
    for number in np.unique(gap[gap > 0]):
        inside = gap == number
        aerated = image[y[inside], x[inside]] > lung_from
        if len(np.unique(degree[inside])) <= _WIDEST_GAP_DEGREES and aerated.mean() > 0.5:
            walled[y[inside], x[inside]] = True
    return walled


def _gaps(touched: BoolArray) -> NDArray[np.int64]:
    """For every degree of the circle: number of the run without contact it lies in, 0 at a contact."""
    start = int(np.flatnonzero(touched)[0])
    labels, _ = ndimage.label(~np.roll(touched, -start))
    return np.roll(labels.astype(np.int64), start)
