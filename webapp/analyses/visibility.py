"""Who sees what the systems found in a series: the policy of its cohorts, and Reveal."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.db.models import Exists, OuterRef, Q

from webapp.accounts.models import User
from webapp.analyses.models import Reveal
from webapp.cohorts.models import AIPolicy
from webapp.cohorts.selectors import cohorts_for
from webapp.imaging.models import Series


def ai_shown(user: User | AnonymousUser, *, series: str = "pk", study: str = "study") -> Q:
    """Return the condition that the AI results of a series are shown to ``user``.

    ``series`` and ``study`` are the paths from the filtered row to its series and study. The strictest policy
    among the cohorts through which the user sees the study counts: "never" hides the results; "after the
    first answers" hides them until a Reveal of this user and series exists; "at once" shows them. Nobody is
    exempt, neither administrators nor leads: who has seen the results can no longer read the series blind.
    """
    mine = cohorts_for(user).filter(studies=OuterRef(study))
    never = Exists(mine.filter(ai_policy=AIPolicy.NEVER))
    later = Exists(mine.filter(ai_policy=AIPolicy.AFTER_FIRST_ANSWERS))
    revealed = Exists(Reveal.objects.filter(reader_id=user.pk, series=OuterRef(series)))
    return Q(Exists(mine)) & ~Q(never) & (~Q(later) | Q(revealed))


def shows_ai(user: User | AnonymousUser, series: Series) -> bool:
    """Tell whether the AI results of a series are shown to ``user``."""
    return Series.objects.filter(ai_shown(user), pk=series.pk).exists()


def reveal(*, reader: User, series: Series) -> Reveal:
    """Remember that from now on ``reader`` sees the AI results of ``series``. The caller audits it."""
    made, _ = Reveal.objects.get_or_create(reader=reader, series=series)
    return made
