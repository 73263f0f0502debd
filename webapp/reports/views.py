"""Pages of the reports app: the worklist and the cohorts' tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from webapp.accounts.models import User
from webapp.accounts.selectors import signed_in
from webapp.analyses.offered import title_of
from webapp.audit.services import record
from webapp.cohorts.models import AIPolicy
from webapp.cohorts.permissions import Action
from webapp.cohorts.selectors import cohorts_for
from webapp.reports import selectors
from webapp.reports.row_parts import viewer_url

PAGE_SIZE = 50
TABS = (("unread", "Unread"), ("mine", "My reading"), ("signed", "Signed"), ("all", "All"))
POLICY_WORDS = {
    AIPolicy.AT_ONCE: "AI shown at once",
    AIPolicy.AFTER_FIRST_ANSWERS: "AI shown after the first answers",
    AIPolicy.NEVER: "AI never shown to readers",
}


@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Send people where the work is."""
    return redirect("worklist-page")


@require_safe
@login_required
@never_cache
@ensure_csrf_cookie
def worklist(request: HttpRequest) -> HttpResponse:
    """Show the first answer to "what is to be read?"; a script keeps it fresh."""
    user = signed_in(request.user)
    filters = _filters(request)
    page = _page(request, selectors.worklist(user, **filters))
    context = _worklist_context(user, filters) | {
        "page": page,
        "rows": _marked(selectors.worklist_rows(user, page.object_list)),
        "cohorts": cohorts_for(user),
    }
    record(
        actor=user, action="worklist.listed", details={"studies": [row["study"] for row in context["rows"]]}
    )
    return render(request, "reports/worklist.html", context)


@require_safe
@login_required
@never_cache
def worklist_fresh(request: HttpRequest) -> HttpResponse:
    """Return rows and tab counts as HTML: those of ``?series=``, in whatever tab, else the page's own.

    Each row says whether it matches tab and search, so that the page knows which new rows to offer.
    """
    user = signed_in(request.user)
    filters = _filters(request)
    series = _ids(request.GET.getlist("series"))
    if series:
        matching = {row["series"] for row in _rows(user, filters | {"series": series})}
        rows = _marked(_rows(user, {"cohort": filters["cohort"], "series": series}), matching)
    else:
        page = _page(request, selectors.worklist(user, **filters))
        rows = _marked(selectors.worklist_rows(user, page.object_list))
    return render(request, "reports/worklist_fresh.html", _worklist_context(user, filters) | {"rows": rows})


@require_safe
@login_required
@never_cache
def cohorts(request: HttpRequest) -> HttpResponse:
    """List the cohorts this person belongs to."""
    user = signed_in(request.user)
    roles = {one.cohort_id: one.get_role_display() for one in user.memberships.all()}
    counts = selectors.cohort_counts(user)
    lines = [
        {
            "cohort": cohort,
            "role": roles.get(cohort.pk, "Administrator" if user.is_administrator else ""),
            "policy": POLICY_WORDS[AIPolicy(cohort.ai_policy)],
        }
        | counts[cohort.pk]
        for cohort in cohorts_for(user).select_related("hospital")
    ]
    return render(request, "reports/cohorts.html", {"cohorts": lines})


@require_safe
@login_required
@never_cache
def cohort(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a cohort's studies with what their readers signed."""
    user = signed_in(request.user)
    found = get_object_or_404(cohorts_for(user).select_related("hospital"), slug=slug)
    page = _page(request, selectors.cohort_table(user, found))
    rows = selectors.cohort_table_rows(user, page.object_list)
    record(actor=user, action="cohort.listed", target=found, details={"rows": len(rows)})
    context = {
        "cohort": found,
        "policy": POLICY_WORDS[AIPolicy(found.ai_policy)],
        "page": page,
        "rows": [row | {"other_shares": _other_shares(row)} for row in rows],
        "may_export": cohorts_for(user, Action.EXPORT).filter(pk=found.pk).exists(),
        "export_url": reverse("cohort-export", args=[slug]),
        "dictionary_url": reverse("cohort-data-dictionary", args=[slug]),
    }
    return render(request, "reports/cohort.html", context)


def _other_shares(row: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Return the infected percent of the systems beside the one in the row's own column, by title."""
    shown_already = row.get("measured", {}).get("found_by")
    shares: Mapping[str, float] = row.get("infected_percent_by_system", {})
    return [(title_of(name), share) for name, share in shares.items() if name != shown_already]


def _filters(request: HttpRequest) -> dict[str, Any]:
    state = request.GET.get("state", "")
    return {
        "state": state if state in dict(TABS) else TABS[0][0],
        "cohort": request.GET.get("cohort", "")[:60],
        "q": request.GET.get("q", "").strip()[:100],
    }


def _worklist_context(user: User, filters: dict[str, Any]) -> dict[str, Any]:
    chosen = {"cohort": filters["cohort"], "q": filters["q"]}
    counts = selectors.worklist_counts(user, **chosen)
    unread = selectors.next_unread(user)
    kept = {name: value for name, value in chosen.items() if value}
    address = reverse("worklist-page")
    tabs = [
        {
            "state": state,
            "name": name,
            "count": counts[state],
            "url": f"{address}?{urlencode(kept | {'state': state})}",
        }
        for state, name in TABS
    ]
    return {
        "tabs": tabs,
        "next_unread": viewer_url(unread) if unread else "",
        "state": filters["state"],
        "q": filters["q"],
        "chosen_cohort": filters["cohort"],
        "query": urlencode(kept | {"state": filters["state"]}),
        "total": counts["all"],
        "hidden_count": selectors.worklist_counts(user)[filters["state"]] if kept else 0,
    }


def _rows(user: User, filters: dict[str, Any]) -> list[dict[str, object]]:
    return selectors.worklist_rows(user, selectors.worklist(user, **filters))


def _marked(rows: list[dict[str, object]], matching: set[object] | None = None) -> list[dict[str, object]]:
    return [row | {"matches": matching is None or row["series"] in matching} for row in rows]


def _page(request: HttpRequest, rows: Any) -> Page[Any]:
    return Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))


def _ids(texts: list[str]) -> list[UUID]:
    """Return the ids that are ids; the others cannot be anybody's series."""
    found = []
    for text in texts[:PAGE_SIZE]:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return found
