"""What became of the systems' regions in a cohort."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, QuerySet

from webapp.accounts.models import User
from webapp.analyses.visibility import ai_shown
from webapp.cohorts.models import Cohort, Role
from webapp.reviews.models import Judgement, OwnRegion, Reading, ReadingState, RejectionReason, Verdict
from webapp.reviews.selectors import readings_for


def verdict_statistics(user: User, cohort: Cohort) -> dict[str, Any]:
    """Return counts over the signed readings that ``user`` may see: verdicts in all, per system, reasons.

    Series whose AI results are hidden from the user are left out of the verdicts.
    """
    readings = readings_for(user).filter(cohort=cohort, state=ReadingState.SIGNED)
    verdicts = _verdicts(user, cohort, readings)
    reasons = _counted(verdicts.filter(judgement=Judgement.REJECTED), "reason")
    systems: dict[str, dict[str, int]] = {}
    for system, judgement, n in (
        verdicts.values_list("region__system", "judgement").annotate(n=Count("pk")).order_by("region__system")
    ):
        systems.setdefault(system, dict.fromkeys(Judgement.values, 0))[judgement] = n
    return {
        "signed_readings": readings.count(),
        "verdicts": dict.fromkeys(Judgement.values, 0) | _counted(verdicts, "judgement"),
        "rejected_as": dict.fromkeys(RejectionReason.values, 0) | reasons,
        "systems": systems,
        "own_regions": OwnRegion.objects.filter(reading__in=readings.values("pk")).count(),
    }


def _verdicts(user: User, cohort: Cohort, readings: QuerySet[Reading]) -> QuerySet[Verdict]:
    verdicts = Verdict.objects.filter(reading__in=readings.values("pk"))
    handles_data = user.memberships.filter(cohort=cohort, role=Role.DATA_MANAGER).exists()
    if user.is_administrator or handles_data:
        return verdicts
    series = "reading__series_revision__series"
    return verdicts.filter(ai_shown(user, series=series, study=f"{series}__study"))


def _counted(verdicts: QuerySet[Verdict], field: str) -> dict[str, int]:
    return dict(verdicts.values_list(field).annotate(n=Count("pk")).order_by())
