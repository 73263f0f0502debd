"""Pages for administrators: hospitals."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from webapp.accounts import services
from webapp.accounts.forms import HospitalForm, NewHospitalForm
from webapp.accounts.models import Hospital
from webapp.accounts.permissions import administrators_only
from webapp.accounts.selectors import hospitals_matching, signed_in
from webapp.core.errors import UserError
from webapp.core.forms import initial, page_of
from webapp.core.revisions import StaleRevision


@administrators_only
def hospitals(request: HttpRequest) -> HttpResponse:
    """List hospitals; POST adds one."""
    form = NewHospitalForm(request.POST or None)
    if form.is_valid():
        try:
            added = services.create_hospital(actor=signed_in(request.user), name=form.cleaned_data["name"])
        except UserError as error:
            form.refuse(error)
        else:
            messages.success(request, f"{added} was added.")
            return redirect("manage-hospitals")
    q = request.GET.get("q", "")
    context = {"page": page_of(request, hospitals_matching(q)), "q": q, "form": form}
    return render(request, "accounts/hospitals.html", context)


@administrators_only
def hospital(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show a hospital; POST renames it."""
    row = get_object_or_404(Hospital, pk=pk)
    form = HospitalForm(request.POST or None, initial=initial(row, "name"))
    if form.is_valid():
        try:
            services.rename_hospital(
                actor=signed_in(request.user),
                hospital=row,
                based_on=form.cleaned_data["revision"],
                **form.changes(),
            )
        except StaleRevision as error:
            form.show_conflict(error, f"the name is {error.current}")
        except UserError as error:
            form.refuse(error)
        else:
            messages.success(request, "The name was saved.")
            return redirect("manage-hospitals")
    return render(request, "accounts/hospital.html", {"hospital": row, "form": form})
