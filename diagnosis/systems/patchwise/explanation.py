"""The maps of the patch networks on grids of their own, for the whole scan (section 2.9)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch.nn import functional

from diagnosis.evaluation.predictions import COVID, DISEASED
from diagnosis.preprocessing.resampling import block_affine
from diagnosis.results import Heatmap
from diagnosis.systems.header_values import Scale
from diagnosis.systems.patchwise.patches import FINE, Patches, coarse_patches
from diagnosis.systems.patchwise.preprocessing import Views, cropped
from diagnosis.systems.patchwise.reading import FirstLook, SecondLook
from diagnosis.systems.patchwise.spec import ATTENTION, COARSE_MAP, FINE_MAP
from diagnosis.volume import Affine, FloatArray


def heatmaps(
    views: Views,
    first: FirstLook,
    second: SecondLook,
    affine: Affine,
    scales: Mapping[tuple[str, str], Scale],
) -> list[Heatmap]:
    """Return P(infected) of coarse and fine patches, and the attention of both networks, in the spec's
    order. ``affine`` is that of the input.

    A cell lies in the middle of its patch. Where a network or its fine head was not asked it is 0.
    """
    coarse = coarse_patches(views.side)
    maps = {
        (DISEASED, COARSE_MAP): (first.coarse, coarse),
        (DISEASED, FINE_MAP): (first.fine, FINE),
        (DISEASED, ATTENTION): (first.attention, coarse),
        (COVID, ATTENTION): (second.attention, coarse),
    }
    return [
        Heatmap(
            class_name=class_name,
            kind=kind,
            values=map_of_scan(values, patches, views),
            affine=block_affine(affine, (1, patches.stride, patches.stride)),
            reference=scales[class_name, kind].reference,
            threshold=scales[class_name, kind].threshold,
        )
        for (class_name, kind), (values, patches) in maps.items()
    ]


def map_of_scan(values: FloatArray, patches: Patches, views: Views) -> FloatArray:
    """Return float32 ``[z, y / stride, x / stride]`` of the maps ``[n, s / stride, s / stride]`` of the
    crops.

    Only patches over the crop's own lung count; where those of both lungs lie on one cell, the larger value.
    """
    depth, height, width = views.image.shape[1:]
    stride = patches.stride
    result = np.zeros((depth, -(-height // stride), -(-width // stride)), dtype=np.float32)
    for crop, cells in zip(views.crops, values, strict=True):
        _, masks = cropped(views.image, [crop], views.side)
        lung = torch.from_numpy(masks).float()
        over = functional.max_pool2d(lung, patches.size, stride, patches.before)[0].numpy() > 0
        y, y_cells = _overlap(crop.top // stride, len(cells), result.shape[1])
        x, x_cells = _overlap(crop.left // stride, len(cells), result.shape[2])
        part = result[crop.place, y, x]
        np.maximum(part, (cells * over)[y_cells, x_cells], out=part)
    return result


def _overlap(start: int, count: int, size: int) -> tuple[slice, slice]:
    """Where ``count`` cells from ``start`` on lie in a grid of ``size``, and which of them do."""
    first, end = max(0, start), min(size, start + count)
    return slice(first, end), slice(first - start, end - start)
