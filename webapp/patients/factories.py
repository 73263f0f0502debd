"""Patients for tests."""

from __future__ import annotations

import factory
from factory.django import DjangoModelFactory

from webapp.accounts.factories import HospitalFactory
from webapp.patients.models import Patient


class PatientFactory(DjangoModelFactory[Patient]):
    """A patient of a hospital of their own unless one is given."""

    hospital = factory.SubFactory(HospitalFactory)
    patient_id = factory.Sequence(lambda n: f"ID{n:06d}")
    pseudonym = factory.Sequence(lambda n: f"P-{n:05d}")
    name = factory.Sequence(lambda n: f"Doe^Patient{n}")
    sex = "F"

    class Meta:
        model = Patient
