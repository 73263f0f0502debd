"""The page with the viewer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from webapp.accounts.models import User
from webapp.accounts.selectors import signed_in
from webapp.audit.services import record
from webapp.cohorts.models import Cohort
from webapp.cohorts.selectors import cohorts_for
from webapp.imaging.models import Series, SeriesState
from webapp.imaging.selectors import series_for
from webapp.reviews.selectors import neighbours, reading_cohorts_for


@require_safe
@login_required
@never_cache
def viewer(request: HttpRequest, series_id: UUID) -> HttpResponse:
    """Show one series; opening it is written into the audit trail once."""
    user = signed_in(request.user)
    series = get_object_or_404(series_for(user).select_related("study__patient"), pk=series_id)
    record(actor=user, action="study.opened", target=series.study, details={"series": str(series.pk)})
    context = {"viewer_context": viewer_context(user, series), "series": series}
    return render(request, "reviews/viewer.html", context)


def viewer_context(user: User, series: Series) -> dict[str, Any]:
    """Return what the viewer needs to begin: addresses, who is looking, the way to the next study."""
    before, after = neighbours(series_for(user).filter(state=SeriesState.READY), series)
    cohort = _cohort(user, series)
    context: dict[str, Any] = {
        "series": str(series.pk),
        "urls": {
            "api": "/api/v1/",
            "series": f"/api/v1/series/{series.pk}/",
            "readings": reverse("series-readings", args=[series.pk]),
            "worklist": "/worklist/",
        },
        "me": {"id": str(user.pk), "email": user.email, "name": str(user), "initials": user.initials},
        "cohort": {
            "slug": cohort.slug,
            "name": cohort.name,
            "ai_policy": cohort.ai_policy,
            "may_read": reading_cohorts_for(user, series).filter(pk=cohort.pk).exists(),
        },
    }
    for name, other in (("previous", before), ("next", after)):
        if other is not None:
            context[name] = {
                "series": str(other.pk),
                "url": reverse("viewer", kwargs={"series_id": other.pk}),
            }
    return context


def _cohort(user: User, series: Series) -> Cohort:
    """Return the cohort through which the series is opened: one in which the user reads, if there is one."""
    reading = reading_cohorts_for(user, series).first()
    return reading or cohorts_for(user).filter(studies=series.study_id)[:1].get()
