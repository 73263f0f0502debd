"""Pages for administrators: people, their roles, and whether they may sign in."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from webapp.accounts.models import User
from webapp.accounts.permissions import administrators_only
from webapp.accounts.selectors import signed_in, users_matching
from webapp.accounts.services import change_user, reset_password
from webapp.cohorts.forms import MemberForm, NewMemberForm, NewUserForm, UserForm
from webapp.cohorts.models import Cohort
from webapp.cohorts.services import add_person
from webapp.core.errors import UserError
from webapp.core.forms import RevisionForm, initial, page_of
from webapp.core.revisions import StaleRevision


@login_required
def manage(request: HttpRequest) -> HttpResponse:
    """Go to the first page that the person may manage."""
    return redirect("manage-users" if signed_in(request.user).is_administrator else "manage-cohorts")


@administrators_only
def users(request: HttpRequest) -> HttpResponse:
    """List the accounts."""
    q = request.GET.get("q", "")
    rows = users_matching(q).prefetch_related("memberships__cohort")
    return render(request, "cohorts/users.html", {"page": page_of(request, rows), "q": q})


@administrators_only
@never_cache
def new_user(request: HttpRequest) -> HttpResponse:
    """Add an account and show its password once."""
    form = NewUserForm(request.POST or None)
    if form.is_valid():
        try:
            added, password = add_person(actor=signed_in(request.user), **form.cleaned_data)
        except UserError as error:
            form.refuse(error)
        else:
            return _shown_once(request, added, password)
    return render(request, "cohorts/new_user.html", {"form": form})


@administrators_only
def user(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show one account; POST changes name, hospital and administrator's rights."""
    account = get_object_or_404(User.objects.select_related("hospital"), pk=pk)
    form = UserForm(request.POST or None, initial=initial(account, "name", "hospital", "is_administrator"))
    if form.is_valid():
        try:
            change_user(
                actor=signed_in(request.user),
                user=account,
                based_on=form.cleaned_data["revision"],
                **form.changes(),
            )
        except StaleRevision as error:
            form.show_conflict(error, f"the name is {error.current}")
        except UserError as error:
            form.refuse(error)
        else:
            messages.success(request, f"{account.email} was saved.")
            return redirect("manage-user", pk=pk)
    return render(request, "cohorts/user.html", _details(account) | {"form": form})


@administrators_only
@require_POST
def activate(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Let an account sign in, or stop it from doing so."""
    account = get_object_or_404(User, pk=pk)
    active = request.POST.get("active") == "yes"
    form = RevisionForm(request.POST)
    seen = form.cleaned_data["revision"] if form.is_valid() else 0
    try:
        change_user(actor=signed_in(request.user), user=account, based_on=seen, is_active=active)
    except StaleRevision:
        messages.error(request, "Somebody else changed this account meanwhile. Look at it and try again.")
    else:
        messages.success(
            request, f"{account.email} can {'sign in again' if active else 'no longer sign in'}."
        )
    return redirect("manage-user", pk=pk)


@administrators_only
@require_POST
@never_cache
def password(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Give the account a new password and show it once."""
    account = get_object_or_404(User, pk=pk)
    return _shown_once(request, account, reset_password(actor=signed_in(request.user), user=account))


def _shown_once(request: HttpRequest, account: User, password: str) -> HttpResponse:
    return render(request, "cohorts/password.html", {"account": account, "password": password})


def _details(account: User) -> dict[str, object]:
    memberships = account.memberships.select_related("cohort").order_by("cohort__name")
    return {
        "account": account,
        "memberships": [(row, MemberForm(initial=initial(row, "role"))) for row in memberships],
        "free_cohorts": Cohort.objects.exclude(memberships__user=account),
        "member_form": NewMemberForm(initial={"email": account.email}),
    }
