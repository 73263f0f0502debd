"""Starting a reading."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from webapp.accounts.models import User
from webapp.analyses.models import Reveal
from webapp.audit.services import record
from webapp.cohorts.models import AIPolicy, Cohort
from webapp.cohorts.permissions import Action
from webapp.cohorts.selectors import cohorts_for
from webapp.core.errors import UserError
from webapp.imaging.models import Series, SeriesRevision, SeriesState
from webapp.reviews.models import Reading, Round
from webapp.reviews.selectors import newest_analysis, reading_cohorts_for
from webapp.reviews.services.editing import announce


def start_reading(
    *, user: User, series: Series, round: Round = Round.FIRST, cohort: str = ""
) -> tuple[Reading, bool]:
    """Return this reader's reading of the series as it is now, and whether it was made just now.

    ``cohort`` is a slug, needed only when the user reads the series in more than one. The newest analysis
    is bound to the reading when the reader may see it now.
    """
    chosen = _cohort(user, series, cohort)
    if round == Round.ADJUDICATION and not cohorts_for(user, Action.MANAGE).filter(pk=chosen.pk).exists():
        raise UserError(
            "not_a_lead", "Only a lead adjudicates.", "Start a first or second reading instead.", status=403
        )
    if series.state != SeriesState.READY or series.current is None:
        raise UserError("series_not_ready", "This series cannot be read yet.", series.reason, status=409)
    with transaction.atomic():
        reading, made = Reading.objects.get_or_create(
            series_revision=series.current,
            cohort=chosen,
            reader=user,
            round=round,
            defaults=_ai_at_start(user, series.current, chosen),
        )
        if made:
            record(actor=user, action="reading.started", target=reading, details={"round": round})
            announce(series)
    return reading, made


def _cohort(user: User, series: Series, slug: str) -> Cohort:
    choices = list(reading_cohorts_for(user, series))
    if slug:
        choices = [cohort for cohort in choices if cohort.slug == slug]
    if not choices:
        raise UserError(
            "not_a_reader",
            "You may look at this series, not read it.",
            "Ask the lead of the cohort for the role of a reader.",
            status=403,
        )
    if len(choices) > 1:
        slugs = ", ".join(cohort.slug for cohort in choices)
        raise UserError(
            "cohort_needed", "You read this series in more than one cohort.", f"Name one: {slugs}."
        )
    return choices[0]


def _ai_at_start(user: User, revision: SeriesRevision, cohort: Cohort) -> dict[str, object]:
    if cohort.ai_policy == AIPolicy.NEVER:
        return {}
    revealed = Reveal.objects.filter(reader=user, series=revision.series_id).exists()
    analysis = newest_analysis(revision)
    if analysis is None or (cohort.ai_policy == AIPolicy.AFTER_FIRST_ANSWERS and not revealed):
        return {}
    now = timezone.now()
    return {
        "analysis": analysis,
        "ai_shown_at": now,
        "analyses_shown": [{"analysis": str(analysis.pk), "at": now.isoformat()}],
    }
