"""Readings for tests, made through the services so that they are as real ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from diagnosis.volume import BoolArray
from webapp.accounts.factories import PASSWORD
from webapp.accounts.models import User
from webapp.imaging.models import Series
from webapp.reviews.completeness import regions_to_judge
from webapp.reviews.masks import Box, pack
from webapp.reviews.models import Judgement, OwnRegion, Reading, RejectionReason, Round
from webapp.reviews.services.changing import Changes, GivenVerdict, change_reading
from webapp.reviews.services.regions import add_own_region, find_region, put_mask
from webapp.reviews.services.revealing import reveal
from webapp.reviews.services.signing import sign
from webapp.reviews.services.starting import start_reading

COMPLETE_ANSWERS: dict[str, Any] = {
    "co_rads": 5,
    "severity": {"RUL": 1, "RML": 0, "RLL": 3, "LUL": 2, "LLL": 5},
    "diagnosis": "COVID-19",
    "confidence": "confident",
}


def draft(reader: User, series: Series, round: Round = Round.FIRST) -> Reading:
    """Return the reader's empty draft."""
    return start_reading(user=reader, series=series, round=round)[0]


def answered(reading: Reading, **answers: Any) -> Reading:
    """Return the draft with complete answers, some of them others."""
    changes = Changes(answers=COMPLETE_ANSWERS | answers)
    return change_reading(user=reading.reader, reading=reading, based_on=reading.revision, changes=changes)


def judged(
    reading: Reading,
    judgement: Judgement = Judgement.ACCEPTED,
    *,
    numbers: set[int] | None = None,
    reason: RejectionReason | None = None,
) -> Reading:
    """Return the draft with the same verdict on every region shown, or on those of some numbers."""
    regions = [row for row in regions_to_judge(reading) if numbers is None or row.number in numbers]
    changes = Changes(verdicts={row.pk: GivenVerdict(judgement, reason) for row in regions})
    return change_reading(user=reading.reader, reading=reading, based_on=reading.revision, changes=changes)


def drawn(reading: Reading, region: Any, mask: BoolArray) -> Reading:
    """Return the draft with ``mask`` ``[z, y, x]`` on the series grid drawn for a region."""
    found = find_region(reading, region)
    if found is None:
        raise LookupError(str(region))
    where = np.argwhere(mask)
    low, high = where.min(axis=0), where.max(axis=0) + 1
    box: Box = (*low.tolist(), *high.tolist())
    packed = pack(mask[tuple(slice(a, b) for a, b in zip(low, high, strict=True))])
    return put_mask(
        user=reading.reader,
        reading=reading,
        based_on=reading.revision,
        region=found,
        box=box,
        packed=packed,
    )


def own_region(reading: Reading, mask: BoolArray, lesion_value: int = 4) -> Reading:
    """Return the draft with a drawn region of the reader's own."""
    reading = add_own_region(
        user=reading.reader, reading=reading, based_on=reading.revision, lesion_value=lesion_value
    )
    newest = OwnRegion.objects.filter(reading=reading).latest("number")
    return drawn(reading, newest.pk, mask)


def signed(reader: User, series: Series, round: Round = Round.FIRST, **answers: Any) -> Reading:
    """Return a signed reading in which every region is accepted."""
    reading = answered(draft(reader, series, round), **answers)
    policy = reading.cohort.ai_policy
    if policy == "after_first_answers" and series.current and series.current.analyses.exists():
        reading = reveal(user=reader, reading=reading, based_on=reading.revision)
    return signed_as_it_is(judged(reading))


def signed_as_it_is(reading: Reading) -> Reading:
    """Return the draft signed."""
    return sign(user=reading.reader, reading=reading, based_on=reading.revision, password=PASSWORD)
