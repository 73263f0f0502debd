"""Changing answers, verdicts and the kind of own regions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction

from webapp.accounts.models import User
from webapp.analyses.models import FoundRegion
from webapp.core.errors import UserError
from webapp.reviews.answers import merged
from webapp.reviews.completeness import regions_to_judge
from webapp.reviews.models import Judgement, OwnRegion, Reading, RejectionReason, Verdict
from webapp.reviews.permissions import Operation, require
from webapp.reviews.services.editing import write
from webapp.reviews.services.regions import checked_lesion_value


@dataclass(frozen=True, slots=True)
class GivenVerdict:
    """A verdict as the reader gives it. A rejection may get its reason later, before signing."""

    judgement: Judgement
    reason: RejectionReason | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """What one save changes. A verdict of None takes the verdict back."""

    answers: Mapping[str, Any] = field(default_factory=dict)
    verdicts: Mapping[UUID, GivenVerdict | None] = field(default_factory=dict)
    lesion_values: Mapping[UUID, int] = field(default_factory=dict)


def change_reading(*, user: User, reading: Reading, based_on: int, changes: Changes) -> Reading:
    """Save answers, verdicts and lesion values at once.

    Raises UserError for what is not allowed and StaleRevision when the draft was changed meanwhile;
    nothing is written then.
    """
    require(user, reading, Operation.CHANGE)
    answers = merged(reading.answers, changes.answers)
    regions = _judged_regions(reading, changes.verdicts)
    own = _own_regions(reading, changes.lesion_values)
    with transaction.atomic():
        reading = write(
            user=user,
            reading=reading,
            based_on=based_on,
            action="reading.changed",
            details={
                "answers": sorted(changes.answers),
                "verdicts": [str(key) for key in changes.verdicts],
                "own_regions": [str(key) for key in changes.lesion_values],
            },
            answers=answers,
        )
        for region, verdict in regions:
            _judge(reading, region, verdict)
        for row, lesion_value in own:
            OwnRegion.objects.filter(pk=row.pk).update(lesion_value=lesion_value)
    return reading


def _judged_regions(
    reading: Reading, verdicts: Mapping[UUID, GivenVerdict | None]
) -> list[tuple[FoundRegion, GivenVerdict | None]]:
    shown = {region.pk: region for region in regions_to_judge(reading)} if verdicts else {}
    if not verdicts.keys() <= shown.keys():
        raise UserError(
            "region_not_shown",
            "One of these regions does not belong to the analysis of this reading.",
            "Reload the study and judge the regions shown.",
        )
    return [(shown[key], verdict) for key, verdict in verdicts.items()]


def _own_regions(reading: Reading, values: Mapping[UUID, int]) -> list[tuple[OwnRegion, int]]:
    own = {row.pk: row for row in OwnRegion.objects.filter(reading=reading, pk__in=values)}
    if len(own) != len(values):
        raise UserError("region_unknown", "One of these regions is not in this reading.", "Reload the study.")
    return [(own[key], checked_lesion_value(value)) for key, value in values.items()]


def _judge(reading: Reading, region: FoundRegion, verdict: GivenVerdict | None) -> None:
    rows = Verdict.objects.filter(reading=reading, region=region)
    if verdict is None:
        rows.delete()
        return
    # An outline drawn before stays with the row, so that going back to "redrawn" brings it back.
    Verdict.objects.update_or_create(
        reading=reading,
        region=region,
        defaults={"judgement": verdict.judgement, "reason": verdict.reason or ""},
    )
