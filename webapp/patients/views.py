"""Pages for administrators: patients by pseudonym."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from webapp.accounts.permissions import administrators_only
from webapp.accounts.selectors import signed_in
from webapp.core.errors import UserError
from webapp.core.forms import initial, page_of
from webapp.core.revisions import StaleRevision
from webapp.patients.forms import PatientForm
from webapp.patients.models import Patient
from webapp.patients.selectors import patients_matching
from webapp.patients.services import change_patient


@administrators_only
def patients(request: HttpRequest) -> HttpResponse:
    """List the patients."""
    q = request.GET.get("q", "")
    return render(request, "patients/patients.html", {"page": page_of(request, patients_matching(q)), "q": q})


@administrators_only
def patient(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show a patient; POST changes pseudonym, sex and date of birth."""
    row = get_object_or_404(Patient.objects.select_related("hospital"), pk=pk)
    form = PatientForm(request.POST or None, initial=initial(row, "pseudonym", "sex", "birth_date"))
    if form.is_valid():
        try:
            change_patient(
                actor=signed_in(request.user),
                patient=row,
                based_on=form.cleaned_data["revision"],
                **form.changes(),
            )
        except StaleRevision as error:
            form.show_conflict(error, f"the pseudonym is {error.current}")
        except UserError as error:
            form.refuse(error)
        else:
            messages.success(request, "The patient was saved.")
            return redirect("manage-patients")
    return render(request, "patients/patient.html", {"patient": row, "form": form})
