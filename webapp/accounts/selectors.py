"""Who is asking, and the users and hospitals of the site."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.db.models import Count, Q, QuerySet
from django.http import Http404

from webapp.accounts.models import Hospital, User


def signed_in(user: User | AnonymousUser) -> User:
    """Return the signed-in user of a request. Raises Http404 for nobody, who sees nothing."""
    if not isinstance(user, User):
        raise Http404
    return user


def users_matching(words: str) -> QuerySet[User]:
    """Return the users whose name or address holds ``words``, for administrators."""
    users = User.objects.select_related("hospital")
    return users.filter(Q(name__icontains=words) | Q(email__icontains=words)) if words else users


def hospitals_matching(words: str) -> QuerySet[Hospital]:
    """Return the hospitals whose name holds ``words`` with their number of ``people``, for administrators."""
    hospitals = Hospital.objects.annotate(people=Count("users")).order_by("name")
    return hospitals.filter(name__icontains=words) if words else hospitals
