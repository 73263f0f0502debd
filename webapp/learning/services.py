"""Making training labels from what was signed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from diagnosis.results import OTHER_INFECTION
from webapp.analyses.models import FoundRegion
from webapp.analyses.region_masks import region_masks
from webapp.learning.models import LabelKind, TrainingLabel
from webapp.reviews.masks import keep_mask, pack
from webapp.reviews.models import Judgement, Reading, RegionMask, Verdict

VOXEL_LEVEL_SYSTEMS = frozenset({"lesions"})
"""Systems whose regions are voxel masks; an accepted region of any other is evidence of a coarse heatmap."""


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
    found = _found_masks(reading, [row.region for row in verdicts if row.judgement != Judgement.REDRAWN])
    for row in verdicts:
        mask = row.mask if row.judgement == Judgement.REDRAWN else found[row.region_id]
        yield TrainingLabel(reading=reading, mask=mask, system=row.region.system, **_taught(row))


def _taught(row: Verdict) -> dict[str, Any]:
    """Return kind, lesion value and reason of one verdict."""
    if row.judgement == Judgement.REDRAWN:
        return {"kind": LabelKind.OUTLINE, "lesion_value": OTHER_INFECTION}
    if row.judgement == Judgement.REJECTED:
        return {"kind": LabelKind.FALSE_EVIDENCE, "reason": row.reason}
    if row.judgement == Judgement.UNSURE:
        return {"kind": LabelKind.UNSURE}
    if row.region.system in VOXEL_LEVEL_SYSTEMS:
        return {"kind": LabelKind.OUTLINE, "lesion_value": OTHER_INFECTION}
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
    return {
        region.pk: keep_mask(
            box=tuple(region.box), packed=pack(masks[region.pk]), revision=reading.series_revision
        )
        for region in regions
    }
