"""The form of a patient."""

from __future__ import annotations

from datetime import date

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from webapp.core.forms import RevisionForm
from webapp.patients.models import SEXES


class PatientForm(RevisionForm):
    """What of a patient can be changed."""

    pseudonym = forms.CharField(max_length=64, help_text="What everybody sees instead of the name.")
    sex = forms.ChoiceField(choices=SEXES, required=False)
    birth_date = forms.DateField(
        required=False,
        label="Date of birth",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )

    def clean_birth_date(self) -> date | None:
        """Refuse dates that are still to come."""
        born: date | None = self.cleaned_data["birth_date"]
        if born and born > timezone.localdate():
            raise ValidationError("This day is still to come. Type the date of birth.")
        return born
