"""Patients for tests."""

from __future__ import annotations

from factory.declarations import Sequence, SubFactory
from factory.django import DjangoModelFactory

from webapp.accounts.factories import HospitalFactory
from webapp.patients.models import Patient


class PatientFactory(DjangoModelFactory[Patient]):
    """A patient of a hospital of their own unless one is given."""

    hospital = SubFactory(HospitalFactory)
    patient_id = Sequence(lambda n: f"ID{n:06d}")
    pseudonym = Sequence(lambda n: f"P-{n:05d}")
    name = Sequence(lambda n: f"Doe^Patient{n}")
    sex = "F"

    class Meta:
        model = Patient
