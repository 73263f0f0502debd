"""Where the slices of one series lie: their order, their places on a regular grid, what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diagnosis.dicom.headers import SliceHeader
from diagnosis.volume import Affine

SAME_PLACE_MM = 0.01


@dataclass(frozen=True, slots=True)
class Stack:
    """Slices on a regular grid along their normal.

    ``order`` lists the headers' indices along the normal, one for each place; ``places`` their numbers on
    the grid, from 0. ``affine`` maps ``[column, row, place, 1]`` to LPS mm. ``uneven_mm`` is the largest
    distance of a slice from its place or of neighbours from whole steps, ``sideways_mm`` the largest
    distance from the line through the stack.
    """

    order: tuple[int, ...]
    places: NDArray[np.int64]
    affine: Affine
    step_mm: float
    uneven_mm: float
    sideways_mm: float
    duplicates: int
    steps_mm: tuple[float, float]
    """Smallest and largest distance of neighbours."""

    @property
    def length(self) -> int:
        """Number of places, missing slices included."""
        return int(self.places[-1]) + 1

    @property
    def gaps(self) -> list[tuple[int, int]]:
        """First and last missing place of each gap."""
        jumps = np.flatnonzero(np.diff(self.places) > 1)
        return [(int(self.places[i]) + 1, int(self.places[i + 1]) - 1) for i in jumps]

    def position_of(self, place: float) -> NDArray[np.float64]:
        """LPS position in mm of the first pixel of a place."""
        return np.asarray(self.affine[:3, 3] + self.affine[:3, 2] * place)


def normal_of(header: SliceHeader) -> NDArray[np.float64]:
    """Return the unit normal of a slice."""
    row, column = header.orientation
    return np.cross(row, column)


def stack_slices(headers: Sequence[SliceHeader]) -> Stack | None:
    """Stack slices of one orientation and size; None when all lie at the same place.

    The step is the median distance of neighbours, so that missing slices leave gaps of whole steps, and is
    then fitted to all places. Of several slices at one place the first by instance number is taken.
    """
    positions = np.array([header.position for header in headers])
    along = positions @ normal_of(headers[0])
    numbered = [(header.instance_number or 0, header.sop_instance_uid) for header in headers]
    ranking = sorted(range(len(headers)), key=lambda index: (along[index], numbered[index]))
    order = _one_for_each_place(ranking, along, numbered)
    if len(order) < 2:
        return None
    distances = along[order]
    steps = np.diff(distances)
    jumps = np.maximum(1, np.rint(steps / np.median(steps))).astype(np.int64)
    places = np.concatenate([[0], np.cumsum(jumps)])
    step, start = np.polyfit(places, distances, 1)
    jolts = np.abs(steps - jumps * step)
    motion, origin, sideways = _line(positions[order], places)
    return Stack(
        order=tuple(order),
        places=places,
        affine=_affine(headers[0], motion, origin),
        step_mm=float(step),
        uneven_mm=float(max(jolts.max(), np.abs(distances - (start + step * places)).max())),
        sideways_mm=sideways,
        duplicates=len(headers) - len(order),
        steps_mm=(float(steps.min()), float(steps.max())),
    )


def _one_for_each_place(
    ranking: Sequence[int], along: NDArray[np.float64], numbered: Sequence[tuple[int, str]]
) -> list[int]:
    order: list[int] = []
    for index in ranking:
        if not order or along[index] - along[order[-1]] > SAME_PLACE_MM:
            order.append(index)
        elif numbered[index] < numbered[order[-1]]:
            order[-1] = index
    return order


def _line(
    positions: NDArray[np.float64], places: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Fit position = origin + motion * place; return both and the largest sideways distance from it."""
    motion, origin = np.polyfit(places, positions, 1)
    residual = positions - (origin + np.outer(places, motion))
    direction = motion / np.linalg.norm(motion)
    sideways = residual - np.outer(residual @ direction, direction)
    return motion, origin, float(np.linalg.norm(sideways, axis=1).max())


def _affine(header: SliceHeader, motion: NDArray[np.float64], origin: NDArray[np.float64]) -> Affine:
    down, along = header.pixel_spacing
    row, column = (np.array(direction) for direction in header.orientation)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2], affine[:3, 3] = row * along, column * down, motion, origin
    return affine
