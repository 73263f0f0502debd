"""Who is asking."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.http import Http404

from webapp.accounts.models import User


def signed_in(user: User | AnonymousUser) -> User:
    """Return the signed-in user of a request. Raises Http404 for nobody, who sees nothing."""
    if not isinstance(user, User):
        raise Http404
    return user
