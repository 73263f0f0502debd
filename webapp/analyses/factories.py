"""Series that can be read, and finished analyses with regions, for tests."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import zstandard
from django.utils import timezone

from diagnosis.volume import BoolArray, CTVolume, LabelArray
from webapp.analyses.models import LESION_SEGMENTATION, Analysis, FoundRegion, LabelVolume
from webapp.cohorts.models import Cohort
from webapp.core import blobs
from webapp.core.models import WorkState
from webapp.imaging.models import Grade, Series, SeriesRevision, SeriesState, Study
from webapp.imaging.volumes import store_volume
from webapp.patients.factories import PatientFactory

SHAPE = (6, 10, 12)
"""Voxels along z, y, x: small, and different along every axis."""
AFFINE = [[1.5, 0.0, 0.0, -9.0], [0.0, 1.25, 0.0, -7.0], [0.0, 0.0, 4.0, -30.0], [0.0, 0.0, 0.0, 1.0]]
VOXEL_ML = 1.5 * 1.25 * 4.0 / 1000

_numbers = itertools.count(1)


def ready_series(
    cohort: Cohort,
    *,
    shape: Sequence[int] = SHAPE,
    affine: Sequence[Sequence[float]] = AFFINE,
    volume: CTVolume | None = None,
    **patient: Any,
) -> Series:
    """Return a series of a new patient in ``cohort`` whose check has passed.

    Without a ``volume`` it has only the header of one, of ``shape`` and ``affine``.
    """
    number = next(_numbers)
    study = Study.objects.create(
        hospital=cohort.hospital,
        patient=PatientFactory.create(hospital=cohort.hospital, **patient),
        study_uid=f"1.2.3.{number}",
        study_date="2020-01-31",
        description="CT chest",
    )
    study.cohorts.add(cohort)
    series = Series.objects.create(
        study=study, series_uid=f"1.2.3.{number}.1", modality="CT", state=SeriesState.READY
    )
    series.current = ready_revision(series, number=1, shape=shape, affine=affine, volume=volume)
    series.save()
    return series


def ready_revision(
    series: Series,
    *,
    number: int,
    shape: Sequence[int] = SHAPE,
    affine: Sequence[Sequence[float]] = AFFINE,
    volume: CTVolume | None = None,
) -> SeriesRevision:
    """Return a revision whose check has passed."""
    stored = store_volume(volume, lambda done: None) if volume else None
    spacing = np.linalg.norm(np.array(affine)[:3, :3], axis=0)[::-1].tolist()
    return SeriesRevision.objects.create(
        series=series,
        number=number,
        manifest=[[f"1.2.3.{number}.9", "0" * 64]],
        manifest_hash=hashlib.sha256(f"{series.pk} {number}".encode()).hexdigest(),
        grade=Grade.FULL,
        geometry={"grade": "full", "reasons": []},
        volume_header=stored.header
        if stored
        else {
            "shape": list(shape),
            "spacing_mm": spacing,
            "affine": [list(row) for row in affine],
        },
        volume_zstd=stored.zstd if stored else None,
        volume_gzip=stored.gzip if stored else None,
        state=WorkState.SUCCEEDED,
    )


def finished_analysis(
    series: Series,
    regions: Mapping[str, Sequence[BoolArray]] | None = None,
    infected_percent: float = 12.5,
    segmentations: Mapping[str, LabelArray] | None = None,
    quantification: Mapping[str, Any] | None = None,
    classifiers: Mapping[str, Mapping[str, Any]] | None = None,
) -> Analysis:
    """Return a succeeded analysis of the series' current revision.

    ``regions`` holds per system the masks ``[z, y, x]`` on the series grid of R1, R2 and so on (of the
    lesion segmentation S1, S2 under ``lesions``); they must not overlap. ``segmentations`` holds label
    volumes by kind, ``quantification`` what the document says under that name, ``classifiers`` what it says
    of further systems.
    """
    regions, segmentations, classifiers = regions or {}, segmentations or {}, classifiers or {}
    systems = [name for name in regions if name != LESION_SEGMENTATION] or ["density"]
    systems += [name for name in classifiers if name not in systems]
    told = {name: {"version": "1.0", **classifiers.get(name, {})} for name in systems}
    results: dict[str, Any] = {"schema": 1, "systems": told}
    if segmentations:
        results["segmentation"] = dict.fromkeys(segmentations, "network 1")
    if quantification:
        results["quantification"] = dict(quantification)
    if series.current is None:
        raise ValueError("the series has no checked revision")
    analysis = Analysis.objects.create(
        revision=series.current,
        systems=systems,
        state=WorkState.SUCCEEDED,
        started_at=timezone.now(),
        finished_at=timezone.now(),
        progress=1.0,
        infected_percent=infected_percent,
        results=results,
    )
    for system, masks in regions.items():
        _keep_regions(analysis, system, masks)
    for kind, labels in segmentations.items():
        _keep_labels(analysis, kind, "", labels)
    return analysis


def box_mask(shape: Sequence[int], box: Sequence[int]) -> BoolArray:
    """Return a mask ``[z, y, x]`` that is true inside the half-open box z0, y0, x0, z1, y1, x1."""
    mask = np.zeros(shape, bool)
    z0, y0, x0, z1, y1, x1 = box
    mask[z0:z1, y0:y1, x0:x1] = True
    return mask


def _keep_regions(analysis: Analysis, system: str, masks: Sequence[BoolArray]) -> None:
    labels = np.zeros(analysis.revision.volume_header["shape"], np.uint8)
    for number, mask in enumerate(masks, start=1):
        labels[mask] = number
        _keep_region(analysis, system, number, mask)
    _keep_labels(analysis, "regions", system, labels)


def _keep_labels(analysis: Analysis, kind: str, system: str, labels: LabelArray) -> None:
    LabelVolume.objects.create(
        analysis=analysis,
        kind=kind,
        system=system,
        dtype="uint8",
        shape=list(labels.shape),
        blob=blobs.put_bytes(zstandard.compress(labels.tobytes())),
    )


def _keep_region(analysis: Analysis, system: str, number: int, mask: BoolArray) -> None:
    where = np.argwhere(mask)
    low, high = where.min(axis=0), where.max(axis=0) + 1
    z, y, x = (int(v) for v in where[len(where) // 2])
    FoundRegion.objects.create(
        analysis=analysis,
        system=system,
        number=number,
        class_name="infection",
        volume_ml=len(where) * VOXEL_ML,
        side="right",
        evidence=0.5,
        box=[*low.tolist(), *high.tolist()],
        box_mm=[0.0] * 6,
        centre=[z, y, x],
        centre_mm=[0.0] * 3,
        largest_slice=z,
    )
