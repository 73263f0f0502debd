"""Buttons of the cohort and user pages that add, change and remove members."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from webapp.accounts.selectors import signed_in
from webapp.cohorts import services
from webapp.cohorts.forms import MemberForm, NewMemberForm
from webapp.cohorts.models import Membership
from webapp.cohorts.permissions import Action
from webapp.cohorts.selectors import cohort_for
from webapp.core.errors import UserError
from webapp.core.revisions import StaleRevision


@login_required
@require_POST
def add(request: HttpRequest, slug: str) -> HttpResponse:
    """Add a person by address."""
    cohort = cohort_for(request.user, slug, Action.MANAGE)
    form = NewMemberForm(request.POST)
    if form.is_valid():
        try:
            added = services.add_member(actor=signed_in(request.user), cohort=cohort, **form.cleaned_data)
            messages.success(request, f"{added.user.email} is now a {added.get_role_display()} of {cohort}.")
        except UserError as error:
            messages.error(request, f"{error.message} {error.hint}")
    else:
        messages.error(request, "Type a whole e-mail address and choose a role.")
    return _back(request, slug)


@login_required
@require_POST
def change(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    """Change a member's role."""
    member = _member(request, slug, pk)
    form = MemberForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choose a role from the list.")
        return _back(request, slug)
    try:
        services.change_member(
            actor=signed_in(request.user),
            membership=member,
            based_on=form.cleaned_data["revision"],
            role=form.cleaned_data["role"],
        )
        messages.success(request, f"The role of {member.user.email} was saved.")
    except StaleRevision as error:
        messages.error(
            request,
            f"Somebody else saved revision {error.current.revision} of this role meanwhile. "
            "Look at it and choose again.",
        )
    return _back(request, slug)


@login_required
@require_POST
def remove(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    """Take a member out of the cohort."""
    member = _member(request, slug, pk)
    services.remove_member(actor=signed_in(request.user), membership=member)
    messages.success(request, f"{member.user.email} is no longer a member.")
    return _back(request, slug)


def _member(request: HttpRequest, slug: str, pk: UUID) -> Membership:
    cohort = cohort_for(request.user, slug, Action.MANAGE)
    return get_object_or_404(cohort.memberships.select_related("user"), pk=pk)


def _back(request: HttpRequest, slug: str) -> HttpResponse:
    """Return to the page the button stood on, if it is one of ours."""
    page = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(page, allowed_hosts=None):
        return redirect(page)
    return redirect(reverse("manage-cohort", args=[slug]))
