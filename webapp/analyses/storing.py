"""Keeping what the systems found: files first, then all rows in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from django.db import transaction
from numpy.typing import NDArray

from diagnosis.results import Analysis as Found
from diagnosis.results import Heatmap, Region
from diagnosis.volume import Affine
from webapp.analyses import live
from webapp.analyses.models import (
    LESION_SEGMENTATION,
    Analysis,
    FoundRegion,
    LabelVolume,
    StoredHeatmap,
)
from webapp.analyses.packing import packed, packed_values, placed
from webapp.core import blobs, work
from webapp.core.models import WorkState

LUNGS = "lungs"
LOBES = "lobes"
LESIONS = "lesions"
SEGMENTATIONS = (LUNGS, LOBES, LESIONS)
REGIONS = "regions"


def store_results(*, analysis: Analysis, found: Found, document: Mapping[str, Any]) -> None:
    """End the attempt that ``analysis`` was claimed with as succeeded, with everything it found.

    ``document`` is the analysis.json of the contracts; its heatmaps get ids instead of files. Raises
    LostLease, and stores no row, when the attempt was cancelled or belongs to another worker.
    """
    shape, affine = found.volume.shape, found.volume.affine
    volumes = [
        _label_volume(analysis, kind, "", labels)
        for kind, labels in zip(SEGMENTATIONS, (found.lungs, found.lobes, found.lesions), strict=True)
        if labels is not None
    ]
    regions: list[FoundRegion] = []
    for name, pointed_at in _regions_by_system(found).items():
        volumes.append(_label_volume(analysis, REGIONS, name, _painted(pointed_at, shape)))
        regions += [_region(analysis, name, region, affine) for region in pointed_at]
    heatmaps = [
        _heatmap(analysis, name, heatmap)
        for name, result in found.systems.items()
        for heatmap in result.heatmaps
    ]
    quantification = found.quantification
    with transaction.atomic():
        LabelVolume.objects.bulk_create(volumes)
        StoredHeatmap.objects.bulk_create(heatmaps)
        FoundRegion.objects.bulk_create(regions)
        work.finish(
            analysis,
            WorkState.SUCCEEDED,
            progress=1.0,
            results=_with_ids(document, heatmaps),
            infected_percent=quantification.infected_percent if quantification else None,
        )
    analysis.refresh_from_db(fields=["state", "stage", "progress", "finished_at"])
    live.tell_progress(analysis)


def region_number(region: Region) -> int:
    """Return n of the label R<n>, its value in the label volume."""
    return int(region.id.removeprefix("R"))


def _regions_by_system(found: Found) -> dict[str, Sequence[Region]]:
    """Return whose regions there are to judge; the lesion segmentation has its own where it was made."""
    segmented = {} if found.lesions is None else {LESION_SEGMENTATION: found.regions}
    return {**segmented, **{name: result.regions for name, result in found.systems.items()}}


def _label_volume(analysis: Analysis, kind: str, system: str, labels: NDArray[Any]) -> LabelVolume:
    return LabelVolume(
        analysis=analysis,
        kind=kind,
        system=system,
        dtype=labels.dtype.name,
        shape=list(labels.shape),
        blob=blobs.put_bytes(packed(labels)),
    )


def _painted(regions: Sequence[Region], shape: tuple[int, int, int]) -> NDArray[Any]:
    highest = max((region_number(region) for region in regions), default=0)
    labels = np.zeros(shape, np.uint8 if highest < 256 else np.uint16)
    for region in regions:
        z, y, x = region.origin
        depth, height, width = region.mask.shape
        labels[z : z + depth, y : y + height, x : x + width][region.mask] = region_number(region)
    return labels


def _heatmap(analysis: Analysis, system: str, heatmap: Heatmap) -> StoredHeatmap:
    return StoredHeatmap(
        analysis=analysis,
        system=system,
        class_name=heatmap.class_name,
        kind=heatmap.kind,
        blob=blobs.put_bytes(packed_values(heatmap)),
        **placed(heatmap),
    )


def _region(analysis: Analysis, system: str, region: Region, affine: Affine) -> FoundRegion:
    z, y, x = region.origin
    depth, height, width = region.mask.shape
    return FoundRegion(
        analysis=analysis,
        system=system,
        number=region_number(region),
        class_name=region.class_name,
        volume_ml=region.volume_ml,
        side=region.side,
        lobe=region.lobe or "",
        evidence=region.evidence,
        box=[z, y, x, z + depth, y + height, x + width],
        box_mm=list(region.box_mm),
        centre=_voxel(affine, region.centre_mm),
        centre_mm=list(region.centre_mm),
        largest_slice=z + int(region.mask.sum(axis=(1, 2)).argmax()),
    )


def _voxel(affine: Affine, millimetres: tuple[float, float, float]) -> list[int]:
    """Return the voxel [z, y, x] whose centre lies at the LPS position."""
    position = np.linalg.solve(affine, np.array([*millimetres, 1.0]))
    x, y, z = np.rint(position[:3]).astype(int)
    return [int(z), int(y), int(x)]


def _with_ids(document: Mapping[str, Any], heatmaps: Sequence[StoredHeatmap]) -> dict[str, Any]:
    """Return the document with ``id`` in place of ``file`` in every heatmap."""
    ids = {(row.system, row.class_name, row.kind): str(row.pk) for row in heatmaps}
    systems = {}
    for name, system in document.get("systems", {}).items():
        entries = [
            {key: value for key, value in entry.items() if key != "file"}
            | {"id": ids[name, entry["class"], entry["kind"]]}
            for entry in system["heatmaps"]
        ]
        systems[name] = {**system, "heatmaps": entries}
    return {**document, "systems": systems}
