"""Masks as they travel and are kept: a box on the series grid and one bit per voxel."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from diagnosis.volume import BoolArray, voxel_ml_of
from webapp.core import blobs
from webapp.core.errors import UserError
from webapp.imaging.models import SeriesRevision
from webapp.reviews.models import RegionMask

Box = tuple[int, int, int, int, int, int]
"""z0, y0, x0, z1, y1, x1: half open, in voxels of the series grid."""


def parse_box(text: str) -> Box:
    """Return the box of ``z0,y0,x0,z1,y1,x1``. Raises UserError for anything else."""
    parts = text.split(",")
    if len(parts) != 6 or not all(part.isascii() and part.isdecimal() and len(part) < 7 for part in parts):
        raise _refused("The box of the mask is not written as z0,y0,x0,z1,y1,x1 in whole voxels.")
    z0, y0, x0, z1, y1, x1 = (int(part) for part in parts)
    return z0, y0, x0, z1, y1, x1


def check_box(box: Box, revision: SeriesRevision) -> None:
    """Raise UserError unless the box has a volume and lies inside the series."""
    shape = revision.volume_header["shape"]
    for low, high, size, axis in zip(box[:3], box[3:], shape, "zyx", strict=True):
        if not 0 <= low < high <= size:
            raise _refused(
                f"The mask reaches from {low} to {high} along {axis}; the series has 0 to {size} there."
            )


def packed_size(box: Sequence[int]) -> int:
    """Return the number of bytes that the bits of the box take."""
    return (voxels_in(box) + 7) // 8


def voxels_in(box: Sequence[int]) -> int:
    """Return the number of voxels of the box."""
    return prod(shape_of(box))


def shape_of(box: Sequence[int]) -> tuple[int, int, int]:
    """Return the size of the box along z, y, x."""
    z0, y0, x0, z1, y1, x1 = box
    return z1 - z0, y1 - y0, x1 - x0


def pack(mask: BoolArray) -> bytes:
    """Return bool ``[z, y, x]`` as packed bits in C order, the first voxel in the highest bit."""
    return np.packbits(mask).tobytes()


def unpack(packed: bytes, box: Sequence[int]) -> BoolArray:
    """Return the bool ``[z, y, x]`` array of a box from its packed bits."""
    bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=voxels_in(box))
    return bits.view(np.bool_).reshape(shape_of(box))


def keep_mask(*, box: Box, packed: bytes, revision: SeriesRevision) -> RegionMask:
    """Check the bits against the series and store them for good; an empty mask may be kept.

    Raises UserError when box, length or padding do not fit.
    """
    check_box(box, revision)
    if len(packed) != packed_size(box):
        raise _refused(
            f"The mask has {len(packed)} bytes; a box of {voxels_in(box)} voxels takes {packed_size(box)}."
        )
    spare = -voxels_in(box) % 8
    if packed[-1] & ((1 << spare) - 1):
        raise _refused("The mask has bits set after its last voxel.")
    voxels = int(np.bitwise_count(np.frombuffer(packed, np.uint8)).sum())
    return RegionMask.objects.create(
        box=list(box),
        blob=blobs.put_bytes(packed),
        voxels=voxels,
        volume_ml=voxels * voxel_ml_of(np.array(revision.volume_header["affine"], np.float64)),
    )


def read_mask(mask: RegionMask) -> BoolArray:
    """Return the stored mask as bool ``[z, y, x]`` of its box."""
    return unpack(blobs.read(mask.blob_id), mask.box)


def mask_facts(mask: RegionMask) -> dict[str, Any]:
    """Return what API and signature say about a mask: its hash, its box and its ml."""
    return {"sha256": mask.blob_id, "box": mask.box, "volume_ml": mask.volume_ml}


def _refused(sentence: str) -> UserError:
    return UserError("mask_invalid", sentence, "Nothing was saved of it. Draw it again.")
