"""The voxels of found regions, cut out of the label volumes of their analysis."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

import numpy as np
import zstandard
from numpy.typing import NDArray

from diagnosis.volume import BoolArray, LabelArray
from webapp.analyses.models import Analysis, FoundRegion, LabelVolume
from webapp.analyses.storing import LESIONS, REGIONS
from webapp.core import blobs


def region_masks(analysis: Analysis, regions: Iterable[FoundRegion]) -> dict[UUID, BoolArray]:
    """Return bool ``[z, y, x]`` of each region's box, by region id.

    The label volumes are read slice by slice, so a web process never holds a whole one.
    """
    by_system: dict[str, list[FoundRegion]] = {}
    for region in regions:
        by_system.setdefault(region.system, []).append(region)
    masks: dict[UUID, BoolArray] = {}
    for system, wanted in by_system.items():
        volume = LabelVolume.objects.get(analysis=analysis, kind=REGIONS, system=system)
        numbers = _boxes(volume, wanted)
        masks |= {region.pk: numbers[region.pk] == region.number for region in wanted}
    return masks


def lesion_values(analysis: Analysis, regions: Iterable[FoundRegion]) -> dict[UUID, LabelArray]:
    """Return uint8 ``[z, y, x]`` of each region's box, by region id: what the lesion segmentation says there.

    Empty when the analysis has no lesion segmentation.
    """
    wanted = list(regions)
    volume = LabelVolume.objects.filter(analysis=analysis, kind=LESIONS).first()
    return {} if volume is None or not wanted else _boxes(volume, wanted)


def _boxes(volume: LabelVolume, regions: list[FoundRegion]) -> dict[UUID, NDArray[np.unsignedinteger]]:
    """Return the part of the label volume that lies in each region's box."""
    boxes = {region.pk: np.zeros(_size(region.box), np.dtype(volume.dtype)) for region in regions}
    last = max(region.box[3] for region in regions)
    for z, labels in zip(range(last), _slices(volume), strict=False):
        for region in regions:
            z0, y0, x0, z1, y1, x1 = region.box
            if z0 <= z < z1:
                boxes[region.pk][z - z0] = labels[y0:y1, x0:x1]
    return boxes


def _size(box: Sequence[int]) -> tuple[int, int, int]:
    z0, y0, x0, z1, y1, x1 = box
    return z1 - z0, y1 - y0, x1 - x0


def _slices(volume: LabelVolume) -> Iterator[NDArray[np.unsignedinteger]]:
    """Yield the slices [y, x] from caudal to cranial."""
    depth, height, width = volume.shape
    dtype = np.dtype(volume.dtype).newbyteorder("<")
    with zstandard.ZstdDecompressor().stream_reader(blobs.open_blob(volume.blob_id), closefd=True) as plain:
        for _ in range(depth):
            yield np.frombuffer(plain.read(height * width * dtype.itemsize), dtype).reshape(height, width)
