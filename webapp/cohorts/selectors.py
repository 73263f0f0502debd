"""Cohorts as a user may see them. Every other app limits its rows through these."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404

from webapp.accounts.models import User
from webapp.cohorts.models import Cohort, Membership, Role
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


def upload_choices(user: User | AnonymousUser) -> QuerySet[Cohort]:
    """Return the cohorts that ``user`` may upload into."""
    return cohorts_for(user, Action.UPLOAD)


def role_in(user: User, cohort: Cohort) -> Role | None:
    """Return the role of ``user`` in ``cohort``; None for administrators and strangers, who have none."""
    role = user.memberships.filter(cohort=cohort).values_list("role", flat=True).first()
    return Role(role) if role else None


def may(user: User | AnonymousUser, cohort: Cohort, action: Action) -> bool:
    """Return whether ``user`` may do ``action`` in ``cohort``."""
    return cohorts_for(user, action).filter(pk=cohort.pk).exists()


def cohort_for(user: User | AnonymousUser, slug: str, action: Action = Action.VIEW) -> Cohort:
    """Return the cohort ``slug`` for ``action``.

    Raises Http404 when the user may not see it, PermissionDenied when they may see it but not do that.
    """
    cohort = cohorts_for(user).select_related("hospital").filter(slug=slug).first()
    if cohort is None:
        raise Http404
    if action != Action.VIEW and not may(user, cohort, action):
        raise PermissionDenied
    return cohort


def members_of(cohort: Cohort) -> QuerySet[Membership]:
    """Return the members of a cohort with their accounts. Only for who may manage it."""
    return cohort.memberships.select_related("user", "user__hospital").order_by("user__email")
