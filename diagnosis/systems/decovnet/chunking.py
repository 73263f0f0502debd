"""Features of a long scan in chunks along z: the same as in one pass, in the memory of one chunk."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from diagnosis.systems.decovnet.network import LEAST_SLICES, REDUCTION
from diagnosis.systems.decovnet.preprocessing import as_tensor
from diagnosis.volume import LabelArray

CHUNK = 64
"""Most slices of one chunk without its halo: about 0.3 GB at the published size in float32."""
HALO = 6
"""A feature sees five slices on each side of its pair: rounded up to whole pairs."""

Compute = Callable[[Tensor], Tensor]


def features_of(compute: Compute, image: LabelArray, *, chunk: int = CHUNK) -> Tensor:
    """Return the features ``[1, 128, z // 2, y, x]`` of an input uint8 ``[2, z, y, x]``.

    ``compute`` turns float32 ``[1, 2, z, y, x]`` into features and must be in evaluation mode: then every
    feature depends on its halo alone, and chunks that start at even slices keep the pairs that are pooled.
    What is left grows by 0.3 MB for each slice of the published size. Raises ValueError for one slice.
    """
    slices = image.shape[1]
    parts = max(1, -(-slices // chunk))
    length = -(-slices // parts)
    length += length % REDUCTION[0]
    found: list[Tensor] = []
    for start in range(0, slices, length):
        end = min(slices, start + length)
        if end - start < LEAST_SLICES and found:
            break  # a last single slice: the pool of pairs leaves it out, as in one pass
        first, last = max(0, start - HALO), min(slices, end + HALO)
        features = compute(as_tensor(image[:, first:last]))
        before = (start - first) // REDUCTION[0]
        found.append(features[:, :, before : before + (end - start) // REDUCTION[0]].clone())
    return torch.cat(found, dim=2)
