"""Training labels as a user may see them, and which readings speak for a series."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.db.models import Case, IntegerField, QuerySet, Value, When

from webapp.accounts.models import User
from webapp.cohorts.models import Cohort
from webapp.learning.models import TrainingLabel
from webapp.reviews.models import Reading, ReadingState, Round
from webapp.reviews.selectors import readings_for


def labels_for(user: User | AnonymousUser, cohort: Cohort) -> QuerySet[TrainingLabel]:
    """Return the labels of a cohort's readings that ``user`` may see."""
    readings = readings_for(user).filter(cohort=cohort)
    return TrainingLabel.objects.filter(reading__in=readings.values("pk")).select_related(
        "reading__series_revision__series__study", "mask"
    )


def teaching_readings(cohort: Cohort) -> list[Reading]:
    """Return one signed reading per series, the one that teaches, by series.

    An adjudication speaks for its series; else the reading that was signed last, on the newest revision.
    """
    adjudicated = Case(
        When(round=Round.ADJUDICATION, then=Value(1)), default=Value(0), output_field=IntegerField()
    )
    signed = (
        Reading.objects.filter(
            cohort=cohort, state=ReadingState.SIGNED, series_revision__series__study__cohorts=cohort
        )
        .select_related("series_revision__series__study__patient", "cohort", "analysis")
        .order_by("series_revision__series", "series_revision__number", adjudicated, "signed_at")
    )
    return list({reading.series_revision.series_id: reading for reading in signed}.values())
