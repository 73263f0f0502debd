"""Showing the AI results in a reading, and going over to a newer analysis."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from webapp.accounts.models import User
from webapp.analyses.models import Analysis
from webapp.analyses.visibility import reveal as reveal_to
from webapp.cohorts.models import AIPolicy
from webapp.core.errors import UserError
from webapp.core.models import WorkState
from webapp.reviews.models import Reading
from webapp.reviews.permissions import Operation, require
from webapp.reviews.selectors import newest_analysis
from webapp.reviews.services.editing import write


def reveal(*, user: User, reading: Reading, based_on: int) -> Reading:
    """Show the newest analysis to the reader; keep the answers given before it.

    A second reveal changes nothing. Raises UserError when the cohort never shows AI, when it wants
    CO-RADS and diagnosis first, or when there is nothing to show; StaleRevision.
    """
    require(user, reading, Operation.REVEAL)
    _refuse_when_never(reading)
    if reading.analysis_id:
        return reading
    after_answers = reading.cohort.ai_policy == AIPolicy.AFTER_FIRST_ANSWERS
    if after_answers and not {"co_rads", "diagnosis"} <= reading.answers.keys():
        raise UserError(
            "answers_first",
            "This cohort shows AI after your first answers.",
            "Choose CO-RADS and a diagnosis, then show the AI results.",
            status=409,
        )
    analysis = newest_analysis(reading.series_revision)
    if analysis is None:
        raise UserError(
            "no_analysis", "There are no AI results for this series.", "Wait for the analysis.", status=409
        )
    now = timezone.now()
    with transaction.atomic():
        reading = write(
            user=user,
            reading=reading,
            based_on=based_on,
            action="reading.revealed",
            details={"analysis": str(analysis.pk)},
            analysis=analysis,
            answers_before_ai=reading.answers if after_answers else None,
            ai_shown_at=now,
            analyses_shown=_shown(reading, analysis, now),
        )
        reveal_to(reader=user, series=reading.series_revision.series)
    return reading


def use_analysis(
    *, user: User, reading: Reading, based_on: int, analysis: Analysis, confirm: bool = False
) -> Reading:
    """Go over to ``analysis``. Verdicts on the regions of the one before are removed, if confirmed.

    Raises UserError, StaleRevision.
    """
    require(user, reading, Operation.USE_ANALYSIS)
    _refuse_when_never(reading)
    if reading.analysis_id is None and reading.cohort.ai_policy == AIPolicy.AFTER_FIRST_ANSWERS:
        raise UserError("ai_hidden", "AI is still hidden.", "Show the AI results first.", status=403)
    fits = analysis.revision_id == reading.series_revision_id and analysis.state == WorkState.SUCCEEDED
    if not fits:
        raise UserError("analysis_unfit", "This analysis cannot be shown in this reading.", "Choose another.")
    if analysis.pk == reading.analysis_id:
        return reading
    if reading.verdicts.exists() and not confirm:
        raise UserError(
            "verdicts_exist",
            "Your verdicts belong to the regions of the earlier analysis and would be removed.",
            "Confirm, or stay with the earlier analysis.",
            status=409,
        )
    now = timezone.now()
    with transaction.atomic():
        reading = write(
            user=user,
            reading=reading,
            based_on=based_on,
            action="reading.analysis_changed",
            details={"analysis": str(analysis.pk), "verdicts_removed": reading.verdicts.count()},
            analysis=analysis,
            ai_shown_at=reading.ai_shown_at or now,
            analyses_shown=_shown(reading, analysis, now),
        )
        reading.verdicts.all().delete()
    return reading


def _refuse_when_never(reading: Reading) -> None:
    if reading.cohort.ai_policy == AIPolicy.NEVER:
        raise UserError(
            "ai_never", "This cohort reads without AI.", "The lead of the cohort can change that.", status=403
        )


def _shown(reading: Reading, analysis: Analysis, at: datetime) -> list[dict[str, str]]:
    return [*reading.analyses_shown, {"analysis": str(analysis.pk), "at": at.isoformat()}]
