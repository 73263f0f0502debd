"""Forms of hospitals."""

from __future__ import annotations

from django import forms

from webapp.core.forms import HouseForm, RevisionForm


class NewHospitalForm(HouseForm):
    """A hospital to add."""

    name = forms.CharField(max_length=200, label="Name of the hospital")


class HospitalForm(RevisionForm):
    """A hospital to rename."""

    name = forms.CharField(max_length=200, label="Name of the hospital")
