"""Connected components of a mask and their measures in LPS mm, as regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from diagnosis.results import LEFT_LUNG, LOBES, RIGHT_LUNG, Region, Side
from diagnosis.volume import Affine, BoolArray, FloatArray, LabelArray, millimetres, voxel_ml_of

Box = tuple[slice, slice, slice]


@dataclass(frozen=True, slots=True)
class SeriesGrid:
    """What is known of every voxel of a series: lungs (1 right, 2 left), lobes (or None), LPS affine."""

    lungs: LabelArray
    lobes: LabelArray | None
    affine: Affine


@dataclass(frozen=True, slots=True)
class Component:
    """Connected voxels: ``mask`` inside ``box`` of the series grid, mean and highest evidence in it."""

    voxels: int
    box: Box
    mask: BoolArray
    evidence: float
    highest: float


def components(
    mask: BoolArray, offset: Box, grid: SeriesGrid, smallest_ml: float, *, evidence: FloatArray | None
) -> list[Component]:
    """Return the components (6 neighbours) of at least ``smallest_ml`` of a mask ``[z, y, x]``.

    ``mask`` and ``evidence`` cover the box ``offset`` of the series grid. Without evidence it is 1.0.
    """
    labels, count = ndimage.label(mask)
    sizes = np.zeros(count + 1, dtype=np.int64)
    for image in labels:
        sizes += np.bincount(image.ravel(), minlength=count + 1)
    found = []
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        if sizes[number] * voxel_ml_of(grid.affine) >= smallest_ml:
            inside = labels[box] == number
            values = np.ones(1, np.float32) if evidence is None else evidence[box][inside]
            found.append(
                Component(
                    voxels=int(sizes[number]),
                    box=_moved(box, offset),
                    mask=inside,
                    evidence=float(values.mean()),
                    highest=float(values.max()),
                )
            )
    return found


def ordered(parts: Sequence[Component]) -> list[Component]:
    """Return the components by size; of the same size the one that reaches highest comes first."""
    return sorted(parts, key=_by_size_then_from_the_top)


def as_region(place: int, part: Component, grid: SeriesGrid, class_name: str) -> Region:
    """Return the component as region R<place>, measured."""
    z, y, x = part.box
    origin = (z.start, y.start, x.start)
    return Region(
        id=f"R{place}",
        class_name=class_name,
        volume_ml=part.voxels * voxel_ml_of(grid.affine),
        side=side_of(grid.lungs[part.box][part.mask]),
        lobe=None if grid.lobes is None else lobe_of(grid.lobes[part.box][part.mask]),
        evidence=part.evidence,
        origin=origin,
        mask=part.mask,
        box_mm=_box_mm(part.box, grid.affine),
        centre_mm=centre_mm(part.mask, origin, grid.affine),
    )


def side_of(labels: NDArray[np.uint8]) -> Side:
    """Return the lung that holds most of the voxels; "both" for a tie, "outside" when none is in a lung."""
    right = int((labels == RIGHT_LUNG).sum())
    left = int((labels == LEFT_LUNG).sum())
    if right == left:
        return "both" if right else "outside"
    return "right" if right > left else "left"


def lobe_of(labels: NDArray[np.uint8]) -> str | None:
    """Return the lobe of most voxels, for a tie the one of the lower value; None when none is in a lobe."""
    voxels = np.bincount(labels, minlength=max(LOBES) + 1)
    voxels[0] = 0
    return LOBES[int(voxels.argmax())] if voxels.any() else None


def centre_mm(mask: BoolArray, origin: tuple[int, int, int], affine: Affine) -> tuple[float, float, float]:
    """Return the LPS position of the voxel nearest to the centroid of a mask that starts at ``origin``."""
    voxels = np.argwhere(mask)
    steps = np.linalg.norm(affine[:3, :3], axis=0)[::-1]
    distance = (((voxels - voxels.mean(axis=0)) * steps) ** 2).sum(axis=1)
    z, y, x = voxels[int(distance.argmin())] + np.array(origin)
    return millimetres(affine, (float(z), float(y), float(x)))


def _by_size_then_from_the_top(part: Component) -> tuple[int, int, int, int]:
    z, y, x = part.box
    return -part.voxels, -z.stop, y.start, x.start


def _moved(box: Box, offset: Box) -> Box:
    z, y, x = (slice(a.start + b.start, a.stop + b.start) for a, b in zip(box, offset, strict=True))
    return z, y, x


def _box_mm(box: Box, affine: Affine) -> tuple[float, float, float, float, float, float]:
    """Outer faces of the box: half a voxel beyond its first and last voxel centres."""
    corners = [
        millimetres(affine, (z - 0.5, y - 0.5, x - 0.5))
        for z in (box[0].start, box[0].stop)
        for y in (box[1].start, box[1].stop)
        for x in (box[2].start, box[2].stop)
    ]
    low, high = np.min(corners, axis=0), np.max(corners, axis=0)
    return float(low[0]), float(low[1]), float(low[2]), float(high[0]), float(high[1]), float(high[2])
