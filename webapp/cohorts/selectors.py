"""Cohorts as a user may see them. Every other app limits its rows through these."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from webapp.accounts.models import User
from webapp.cohorts.models import Cohort
from webapp.cohorts.permissions import ROLES_FOR, Action


def cohorts_for(user: User | AnonymousUser, action: Action = Action.VIEW) -> QuerySet[Cohort]:
    """Return the cohorts in which ``user`` may do ``action``; all of them for an administrator."""
    if not isinstance(user, User) or not user.is_active:
        return Cohort.objects.none()
    if user.is_administrator:
        return Cohort.objects.all()
    return Cohort.objects.filter(
        pk__in=user.memberships.filter(role__in=ROLES_FOR[action]).values("cohort_id")
    )
