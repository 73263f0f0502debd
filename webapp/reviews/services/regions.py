"""Drawing: masks of redrawn regions, and regions that the systems missed."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.db.models import Max

from diagnosis.results import INFECTED_VALUES, OTHER_INFECTION
from webapp.accounts.models import User
from webapp.analyses.models import FoundRegion
from webapp.core.errors import UserError
from webapp.reviews.completeness import regions_to_judge
from webapp.reviews.masks import Box, keep_mask
from webapp.reviews.models import Judgement, OwnRegion, Reading, RegionMask, Verdict
from webapp.reviews.permissions import Operation, require
from webapp.reviews.services.editing import write

OWN_REGION_LIMIT = 500


def put_mask(
    *, user: User, reading: Reading, based_on: int, region: FoundRegion | OwnRegion, box: Box, packed: bytes
) -> Reading:
    """Store a new mask for a region: one of the reader's own, or one of the systems', which is redrawn then.

    The mask before it is kept as it was. Raises UserError, StaleRevision.
    """
    require(user, reading, Operation.DRAW)
    with transaction.atomic():
        reading = write(
            user=user,
            reading=reading,
            based_on=based_on,
            action="reading.drawn",
            details={"region": str(region.pk), "bytes": len(packed)},
        )
        _set_mask(reading, region, keep_mask(box=box, packed=packed, revision=reading.series_revision))
    return reading


def find_region(reading: Reading, region_id: UUID) -> FoundRegion | OwnRegion | None:
    """Return the own region or the region of the analysis shown, or None when the reading has neither."""
    own = reading.own_regions.filter(pk=region_id).first()
    if own:
        return own
    return next((region for region in regions_to_judge(reading) if region.pk == region_id), None)


def drawn_mask(reading: Reading, region_id: UUID) -> RegionMask | None:
    """Return what the reader drew for a region, or None when nothing is drawn."""
    own = reading.own_regions.filter(pk=region_id).select_related("mask").first()
    if own:
        return own.mask
    verdict = reading.verdicts.filter(region=region_id, judgement=Judgement.REDRAWN).first()
    return verdict.mask if verdict else None


def add_own_region(
    *, user: User, reading: Reading, based_on: int, lesion_value: int = OTHER_INFECTION
) -> Reading:
    """Add an empty region that the reader is about to draw. Numbers are not used twice."""
    require(user, reading, Operation.ADD_REGION)
    checked_lesion_value(lesion_value)
    with transaction.atomic():
        reading = write(user=user, reading=reading, based_on=based_on, action="reading.region_added")
        highest = reading.own_regions.aggregate(highest=Max("number"))["highest"] or 0
        if highest >= OWN_REGION_LIMIT:
            raise UserError(
                "too_many_regions",
                f"A reading takes {OWN_REGION_LIMIT} own regions.",
                "Draw neighbouring places as one region.",
            )
        OwnRegion.objects.create(reading=reading, number=highest + 1, lesion_value=lesion_value)
    return reading


def delete_own_region(*, user: User, reading: Reading, based_on: int, region: OwnRegion) -> Reading:
    """Take an own region back."""
    require(user, reading, Operation.DELETE_REGION)
    with transaction.atomic():
        reading = write(
            user=user,
            reading=reading,
            based_on=based_on,
            action="reading.region_deleted",
            details={"region": str(region.pk)},
        )
        OwnRegion.objects.filter(pk=region.pk).delete()
    return reading


def checked_lesion_value(value: int) -> int:
    """Return ``value`` if it is a kind of infection that a reader can draw. Raises UserError."""
    if value not in INFECTED_VALUES or isinstance(value, bool):
        kinds = ", ".join(str(kind) for kind in INFECTED_VALUES)
        raise UserError("lesion_invalid", f"The kind of a drawn region is one of {kinds}.", "Choose again.")
    return value


def _set_mask(reading: Reading, region: FoundRegion | OwnRegion, mask: RegionMask) -> None:
    if isinstance(region, OwnRegion):
        OwnRegion.objects.filter(pk=region.pk).update(mask=mask)
        return
    Verdict.objects.update_or_create(
        reading=reading,
        region=region,
        defaults={"judgement": Judgement.REDRAWN, "reason": "", "mask": mask},
    )
