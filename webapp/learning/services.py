"""Making training labels from what was signed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from diagnosis.results import INFECTED_VALUES, OTHER_INFECTION
from diagnosis.volume import BoolArray, LabelArray
from webapp.analyses.models import LESION_SEGMENTATION, FoundRegion
from webapp.analyses.region_masks import lesion_values, region_masks
from webapp.learning.models import LabelKind, TrainingLabel
from webapp.reviews.masks import keep_mask, pack
from webapp.reviews.models import Judgement, Reading, RegionMask, Verdict


def make_labels(*, reading: Reading) -> list[TrainingLabel]:
    """Write the labels that a signed reading teaches (architecture: Label kinds).

    Called inside the signing transaction, so labels and signature stand or fall together; the audit event of
    the signature covers both. A reading makes its labels once.
    """
    if reading.training_labels.exists():
        return list(reading.training_labels.all())
    return TrainingLabel.objects.bulk_create(
        [*_from_verdicts(reading), *_from_own_regions(reading), *_from_the_rest(reading)]
    )


def _from_verdicts(reading: Reading) -> Iterator[TrainingLabel]:
    verdicts = list(reading.verdicts.select_related("region", "mask").order_by("region__system", "region"))
    segmented = [row for row in verdicts if _accepts_voxels(row)]
    pointed_at = [row for row in verdicts if row.judgement != Judgement.REDRAWN and row not in segmented]
    found = _found_masks(reading, [row.region for row in pointed_at])
    for row in verdicts:
        if row not in segmented:
            mask = row.mask if row.judgement == Judgement.REDRAWN else found[row.region_id]
            yield TrainingLabel(reading=reading, mask=mask, system=row.region.system, **_taught(row))
    yield from _from_segmentation(reading, [row.region for row in segmented])


def _accepts_voxels(row: Verdict) -> bool:
    """Whether the reader accepted a region of a voxel mask; of a coarse heatmap it would be mere evidence."""
    return row.judgement == Judgement.ACCEPTED and row.region.system == LESION_SEGMENTATION


def _from_segmentation(reading: Reading, regions: list[FoundRegion]) -> Iterator[TrainingLabel]:
    """An accepted region of the lesion segmentation is voxel truth: one outline for each type in it."""
    if reading.analysis is None:
        return
    masks, values = region_masks(reading.analysis, regions), lesion_values(reading.analysis, regions)
    for region in regions:
        for value, mask in _by_type(masks[region.pk], values.get(region.pk)):
            yield TrainingLabel(
                reading=reading,
                kind=LabelKind.OUTLINE,
                mask=_kept(reading, region, mask),
                lesion_value=value,
                system=region.system,
            )


def _by_type(mask: BoolArray, values: LabelArray | None) -> Iterator[tuple[int, BoolArray]]:
    """Split a region by lesion value; without values all of it is infection of a type nobody knows."""
    if values is None:
        yield OTHER_INFECTION, mask
        return
    for value in INFECTED_VALUES:
        part = mask & (values == value)
        if np.any(part):
            yield value, part


def _taught(row: Verdict) -> dict[str, Any]:
    """Return kind, lesion value and reason of one verdict."""
    if row.judgement == Judgement.REDRAWN:
        return {"kind": LabelKind.OUTLINE, "lesion_value": OTHER_INFECTION}
    if row.judgement == Judgement.REJECTED:
        return {"kind": LabelKind.FALSE_EVIDENCE, "reason": row.reason}
    if row.judgement == Judgement.UNSURE:
        return {"kind": LabelKind.UNSURE}
    return {"kind": LabelKind.POINTER}


def _from_own_regions(reading: Reading) -> Iterator[TrainingLabel]:
    for row in reading.own_regions.select_related("mask"):
        yield TrainingLabel(
            reading=reading, kind=LabelKind.OUTLINE, mask=row.mask, lesion_value=row.lesion_value
        )


def _from_the_rest(reading: Reading) -> Iterator[TrainingLabel]:
    if reading.answers.get("nothing_else"):
        yield TrainingLabel(reading=reading, kind=LabelKind.BACKGROUND)


def _found_masks(reading: Reading, regions: list[FoundRegion]) -> dict[Any, RegionMask]:
    """Store the systems' masks by themselves: a label does not depend on the analysis being kept."""
    if reading.analysis is None:
        return {}
    masks = region_masks(reading.analysis, regions)
    return {region.pk: _kept(reading, region, masks[region.pk]) for region in regions}


def _kept(reading: Reading, region: FoundRegion, mask: BoolArray) -> RegionMask:
    z0, y0, x0, z1, y1, x1 = region.box
    return keep_mask(box=(z0, y0, x0, z1, y1, x1), packed=pack(mask), revision=reading.series_revision)
