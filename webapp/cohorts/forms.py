"""Forms of people and cohorts."""

from __future__ import annotations

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from webapp.accounts.models import Hospital
from webapp.cohorts.models import AIPolicy, Cohort, Role
from webapp.cohorts.services import ADMINISTRATOR, ROLE_NAMES
from webapp.core.forms import HouseForm, RevisionForm

ROLE_LABELS = {
    ADMINISTRATOR: "Administrator: manages the site and sees everything",
    Role.VIEWER: "Viewer: looks",
    Role.READER: "Reader: uploads, reads and signs",
    Role.LEAD: "Lead: reads, manages members, exports",
    Role.DATA_MANAGER: "Data manager: uploads and exports",
}
POLICY_LABELS = {
    AIPolicy.AT_ONCE: "At once",
    AIPolicy.AFTER_FIRST_ANSWERS: "After the reader's first answers",
    AIPolicy.NEVER: "Never",
}
MEMBER_ROLES = [(role.value, ROLE_LABELS[role]) for role in Role]


class NewUserForm(HouseForm):
    """An account with its first role."""

    email = forms.EmailField(label="E-mail address", help_text="The person signs in with it.")
    name = forms.CharField(max_length=150, required=False, label="Name")
    role = forms.ChoiceField(choices=[(role, ROLE_LABELS[role]) for role in ROLE_NAMES], initial=Role.READER)
    cohort = forms.ModelChoiceField(
        Cohort.objects.all(),
        required=False,
        empty_label="None",
        help_text="The account belongs to the hospital of this cohort.",
    )

    def clean_cohort(self) -> Cohort | None:
        """Ask for a cohort unless the role needs none."""
        cohort: Cohort | None = self.cleaned_data["cohort"]
        if cohort is None and self.cleaned_data.get("role") != ADMINISTRATOR:
            raise ValidationError("This role needs a cohort. Choose one.")
        return cohort


class UserForm(RevisionForm):
    """What of an account can be changed."""

    name = forms.CharField(max_length=150, required=False, label="Name")
    hospital = forms.ModelChoiceField(Hospital.objects.all(), required=False, empty_label="None")
    is_administrator = forms.BooleanField(required=False, label="Administrator of this site")


class NewCohortForm(HouseForm):
    """A cohort to add."""

    name = forms.CharField(max_length=200, label="Name of the cohort")
    hospital = forms.ModelChoiceField(Hospital.objects.all(), empty_label=None)
    ai_policy = forms.ChoiceField(choices=list(POLICY_LABELS.items()), label="AI results are shown")


class CohortForm(RevisionForm):
    """Name and policy of a cohort."""

    name = forms.CharField(max_length=200, label="Name of the cohort")
    ai_policy = forms.ChoiceField(choices=list(POLICY_LABELS.items()), label="AI results are shown")


class GuestsForm(RevisionForm):
    """Hospitals whose people may become members beside those of the cohort's own."""

    guests = forms.ModelMultipleChoiceField(
        Hospital.objects.all(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="Guest hospitals",
        help_text="People of a hospital that is taken off the list lose their membership.",
    )

    def __init__(self, cohort: Cohort, data: QueryDict | None = None) -> None:
        start = {"revision": cohort.revision, "guests": cohort.guests.all()}
        super().__init__(data, initial=start)
        field = self.fields["guests"]
        if isinstance(field, forms.ModelMultipleChoiceField):
            field.queryset = Hospital.objects.exclude(pk=cohort.hospital_id)


class NewMemberForm(HouseForm):
    """A person to add to a cohort."""

    email = forms.EmailField(label="E-mail address")
    role = forms.ChoiceField(choices=MEMBER_ROLES, initial=Role.READER)


class MemberForm(RevisionForm):
    """A member's role."""

    role = forms.ChoiceField(choices=[(role.value, role.label) for role in Role])
