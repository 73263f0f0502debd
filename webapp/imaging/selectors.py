"""Studies and series as a user may see them."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from webapp.accounts.models import User
from webapp.cohorts.permissions import Action
from webapp.cohorts.selectors import cohorts_for
from webapp.imaging.models import Series, Study


def studies_for(user: User | AnonymousUser, action: Action = Action.VIEW) -> QuerySet[Study]:
    """Return the studies of cohorts in which ``user`` may do ``action``."""
    links = Study.cohorts.through.objects.filter(cohort__in=cohorts_for(user, action))
    return Study.objects.filter(pk__in=links.values("study_id"))


def series_for(user: User | AnonymousUser, action: Action = Action.VIEW) -> QuerySet[Series]:
    """Return the series of those studies."""
    return Series.objects.filter(study__in=studies_for(user, action))
