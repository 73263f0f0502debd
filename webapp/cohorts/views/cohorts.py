"""Pages for leads and administrators: cohorts, their policy and guests."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from webapp.accounts.selectors import signed_in
from webapp.cohorts import services
from webapp.cohorts.forms import (
    POLICY_LABELS,
    CohortForm,
    GuestsForm,
    MemberForm,
    NewCohortForm,
    NewMemberForm,
)
from webapp.cohorts.models import AIPolicy, Cohort
from webapp.cohorts.permissions import Action
from webapp.cohorts.selectors import cohort_for, cohorts_for, members_of
from webapp.core.errors import UserError
from webapp.core.forms import initial, page_of
from webapp.core.revisions import StaleRevision


@login_required
def cohorts(request: HttpRequest) -> HttpResponse:
    """List the cohorts the person manages; POST (administrators) adds one."""
    user = signed_in(request.user)
    managed = cohorts_for(user, Action.MANAGE).select_related("hospital")
    rows = managed.annotate(people=Count("memberships")).order_by("name", "id")
    if not user.is_administrator and (request.method == "POST" or not rows.exists()):
        raise PermissionDenied
    form = NewCohortForm(request.POST or None)
    if form.is_valid():
        try:
            added = services.create_cohort(actor=user, **form.cleaned_data)
        except UserError as error:
            form.refuse(error)
        else:
            messages.success(request, f"{added} was added.")
            return redirect("manage-cohort", slug=added.slug)
    q = request.GET.get("q", "")
    page = page_of(request, rows.filter(name__icontains=q))
    return render(request, "cohorts/manage_cohorts.html", {"page": page, "q": q, "form": form})


@login_required
def cohort(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a cohort's policy and members; POST changes name and policy."""
    row = cohort_for(request.user, slug, Action.MANAGE)
    form = CohortForm(request.POST or None, initial=initial(row, "name", "ai_policy"))
    if form.is_valid():
        try:
            services.change_cohort(
                actor=signed_in(request.user),
                cohort=row,
                based_on=form.cleaned_data["revision"],
                **form.changes(),
            )
        except StaleRevision as error:
            form.show_conflict(error, _told(error.current))
        else:
            messages.success(request, "The cohort was saved.")
            return redirect("manage-cohort", slug=slug)
    return render(request, "cohorts/manage_cohort.html", _details(row) | {"form": form})


@login_required
@require_POST
def guests(request: HttpRequest, slug: str) -> HttpResponse:
    """Set the guest hospitals (administrators)."""
    row = cohort_for(request.user, slug, Action.MANAGE)
    user = signed_in(request.user)
    if not user.is_administrator:
        raise PermissionDenied
    form = GuestsForm(row, request.POST)
    if not form.is_valid():
        messages.error(request, "Choose hospitals from the list.")
        return redirect("manage-cohort", slug=slug)
    try:
        services.set_guests(actor=user, cohort=row, based_on=form.cleaned_data["revision"], **form.changes())
    except StaleRevision:
        messages.error(request, "Somebody else changed this cohort meanwhile. Look at it and try again.")
    else:
        messages.success(request, "The guest hospitals were saved.")
    return redirect("manage-cohort", slug=slug)


def _told(current: Any) -> str:
    policy = POLICY_LABELS[AIPolicy(current.ai_policy)].lower()
    return f"the name is {current.name}, AI results are shown {policy}"


def _details(row: Cohort) -> dict[str, object]:
    return {
        "cohort": row,
        "members": [(member, MemberForm(initial=initial(member, "role"))) for member in members_of(row)],
        "member_form": NewMemberForm(),
        "guests_form": GuestsForm(row),
    }
