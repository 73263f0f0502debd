"""Bring any acquisition to the project's axes: z cranial, y posterior, x left."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from diagnosis.geometry import MAX_TILT_DEGREES, Plane, RefusedInput
from diagnosis.volume import Affine

PLANES: tuple[Plane, Plane, Plane] = ("sagittal", "coronal", "axial")
"""The plane whose normal is the patient's x, y or z axis."""


def to_patient_axes(array: NDArray[Any], affine: Affine) -> tuple[NDArray[Any], Affine]:
    """Reorder ``array`` to ``[z, y, x]`` with z to cranial, y to posterior and x to the left.

    ``array`` is indexed ``[k, j, i]``, ``affine`` maps ``[i, j, k, 1]`` to LPS mm. Axes are swapped and
    mirrored, nothing is resampled: a tilt stays in the affine that is returned with the C-contiguous array.
    Raises RefusedInput when an axis is more than MAX_TILT_DEGREES away from every patient axis.
    """
    require_patient_axes(affine)
    order = nearest_axes(affine)  # order[a] = patient axis (0 x, 1 y, 2 z) along index axis a (i, j, k)
    columns: list[NDArray[Any]] = [np.zeros(3)] * 3
    origin = affine[:3, 3].copy()
    flips = []
    for axis, patient in enumerate(order):
        step = affine[:3, axis]
        if step[patient] < 0:
            flips.append(2 - axis)
            origin = origin + step * (array.shape[2 - axis] - 1)
            step = -step
        columns[patient] = step
    result = np.eye(4)
    result[:3, :3] = np.stack(columns, axis=1)
    result[:3, 3] = origin
    index_of = {patient: axis for axis, patient in enumerate(order)}
    turned = np.flip(array, tuple(flips)).transpose([2 - index_of[patient] for patient in (2, 1, 0)])
    return np.ascontiguousarray(turned), result


def nearest_axes(affine: Affine) -> tuple[int, int, int]:
    """Return for the index axes i, j, k the nearest patient axis (0 x, 1 y, 2 z)."""
    nearest = np.argmax(np.abs(_directions(affine)), axis=0)
    return int(nearest[0]), int(nearest[1]), int(nearest[2])


def tilt_degrees(affine: Affine) -> float:
    """Return the largest angle between an index axis and its nearest patient axis."""
    cosine = float(np.abs(_directions(affine)).max(axis=0).min())
    return float(np.degrees(np.arccos(min(cosine, 1.0))))


def plane_of(affine: Affine) -> Plane:
    """Return the plane that the slices (index axis k) were acquired in."""
    return PLANES[nearest_axes(affine)[2]]


def require_patient_axes(affine: Affine) -> None:
    """Raise RefusedInput when the volume is oblique or tilted by more than MAX_TILT_DEGREES."""
    degrees = tilt_degrees(affine)
    if degrees > MAX_TILT_DEGREES:
        raise RefusedInput("tilted", tilt_sentence(degrees))
    if sorted(nearest_axes(affine)) != [0, 1, 2]:
        raise RefusedInput("bad_geometry", "The slices do not span a volume.")


def tilt_sentence(degrees: float) -> str:
    """Say that the slices are too oblique to be measured."""
    return (
        f"The slices are tilted by {degrees:.0f} degrees against the patient's axes. "
        f"Up to {MAX_TILT_DEGREES:.0f} degrees can be read."
    )


def _directions(affine: Affine) -> NDArray[np.float64]:
    steps = affine[:3, :3]
    lengths = np.linalg.norm(steps, axis=0)
    if not np.isfinite(steps).all() or (lengths == 0).any():
        raise RefusedInput("bad_geometry", "The slices do not span a volume.")
    return np.asarray(steps / lengths)
