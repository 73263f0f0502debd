"""Who sees what the systems found in a series: the policy of its cohorts, and Reveal."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.db.models import Exists, OuterRef, Q, QuerySet

from webapp.accounts.models import User
from webapp.analyses.models import Reveal
from webapp.cohorts.models import AIPolicy, Cohort, Role
from webapp.cohorts.selectors import cohorts_for
from webapp.imaging.models import Series, Study


def hides_ai(user: User | AnonymousUser) -> Q:
    """Return the condition on Series that the AI results are hidden from ``user``.

    The strictest of the cohorts through which the user sees the series decides. Administrators and data
    managers do not read there, so they see everything.
    """
    if isinstance(user, User) and user.is_administrator:
        return Q(pk__in=[])
    bound = cohorts_for(user)
    if isinstance(user, User):
        bound = bound.exclude(pk__in=user.memberships.filter(role=Role.DATA_MANAGER).values("cohort_id"))
    never = Exists(_links(bound.filter(ai_policy=AIPolicy.NEVER)))
    later = Exists(_links(bound.filter(ai_policy=AIPolicy.AFTER_FIRST_ANSWERS)))
    revealed = Exists(Reveal.objects.filter(reader=user.pk, series=OuterRef("pk")))
    return Q(never) | (Q(later) & ~Q(revealed))


def shows_ai(user: User | AnonymousUser, series: Series) -> bool:
    """Tell whether ``user`` may see the AI results of a series they may see."""
    return not Series.objects.filter(hides_ai(user), pk=series.pk).exists()


def reveal(*, reader: User, series: Series) -> Reveal:
    """Remember that from now on ``reader`` sees the AI results of ``series``. The caller audits it."""
    made, _ = Reveal.objects.get_or_create(reader=reader, series=series)
    return made


def _links(cohorts: QuerySet[Cohort]) -> QuerySet[Study]:
    return Study.objects.filter(pk=OuterRef("study"), cohorts__in=cohorts)
