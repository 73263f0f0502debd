"""What the signed-in person may do, for menus. The views and selectors decide; this only shows."""

from __future__ import annotations

from django import template
from django.contrib.auth.models import AnonymousUser

from webapp.accounts.models import User
from webapp.cohorts.permissions import Action
from webapp.cohorts.selectors import cohorts_for

register = template.Library()


@register.filter
def may(user: User | AnonymousUser, action: str) -> bool:
    """Return whether the user may do ``action`` (a value of Action) in at least one cohort."""
    return cohorts_for(user, Action(action)).exists()
