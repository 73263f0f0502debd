"""Analyses as a user may see them. Whether their results may be shown is decided in ``visibility``."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from webapp.accounts.models import User
from webapp.analyses.models import Analysis
from webapp.cohorts.permissions import Action
from webapp.imaging.selectors import series_for


def analyses_for(user: User | AnonymousUser, action: Action = Action.VIEW) -> QuerySet[Analysis]:
    """Return the analyses of series with which ``user`` may do ``action``.

    Series and study come along; results and manifest, which are large, are read when asked for.
    """
    return (
        Analysis.objects.filter(revision__series__in=series_for(user, action).values("pk"))
        .select_related("revision__series")
        .defer("results", "revision__manifest")
    )
