"""The rim of the lungs under the chest wall, slice by slice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError

from diagnosis.volume import BoolArray, LabelArray

RIM_MM = 20.0
"""Readers call the outer third subpleural or peripheral (Pan et al., Radiology 2020; Bernheim et al.,
Radiology 2020). An eye's third is no number; 2 cm is about a third of the way from wall to hilum."""


def subpleural(lungs: LabelArray, spacing_mm: tuple[float, float]) -> BoolArray:
    """Return the pixels ``[y, x]`` less than RIM_MM inside the outline of both lungs of one slice.

    The outline is the convex hull of the lungs' pixel centres. Mediastinum, hila and the domes of the
    diaphragm lie within it, so only the chest wall makes a rim. A pixel lies at least RIM_MM inside a
    convex outline when it lies so far behind each of its edges: in every row that is one interval, and no
    distance map is needed. Pixels outside the outline are in the rim too; they are no lung.
    """
    rim = np.ones(lungs.shape, dtype=bool)
    edges = _outline(lungs, spacing_mm)
    if edges is None:
        return rim
    height, width = lungs.shape
    step_y, step_x = spacing_mm
    y = np.arange(height)[:, None] * step_y
    normal_y, normal_x, offset = edges.T
    room = -RIM_MM - offset - normal_y * y
    leftward, rightward = normal_x < -_FLAT, normal_x > _FLAT
    flat = ~leftward & ~rightward
    low = (room[:, leftward] / normal_x[leftward]).max(axis=1, initial=-np.inf)
    high = (room[:, rightward] / normal_x[rightward]).min(axis=1, initial=np.inf)
    high[(room[:, flat] < 0).any(axis=1)] = -np.inf
    x = np.arange(width) * step_x
    rim[(x >= low[:, None]) & (x <= high[:, None])] = False
    return rim


_FLAT = 1e-9
"""Edges whose outward normal has no part along x bound rows, not columns."""


def _outline(lungs: LabelArray, spacing_mm: tuple[float, float]) -> NDArray[np.float64] | None:
    """Edges (outward unit normal along y and x, offset) of the hull in mm; None when it has no area."""
    inside = lungs > 0
    rows = np.flatnonzero(inside.any(axis=1))
    if len(rows) < 2:
        return None
    first = inside[rows].argmax(axis=1)
    last = inside.shape[1] - 1 - inside[rows, ::-1].argmax(axis=1)
    ends = np.stack([np.concatenate([rows, rows]), np.concatenate([first, last])], axis=1)
    try:
        hull = ConvexHull(ends * np.array(spacing_mm))
    except QhullError:
        return None
    return np.asarray(hull.equations, dtype=np.float64)
