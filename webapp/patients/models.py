"""Patients of a hospital. Names stay here; everything that readers see uses the pseudonym."""

from __future__ import annotations

from django.db import models

from webapp.accounts.models import Hospital
from webapp.core.models import RevisedRow

SEXES = [("", "Unknown"), ("F", "Female"), ("M", "Male"), ("O", "Other")]
"""Patient's Sex (PS3.3 C.7.1.1), empty when it is not told."""


class Patient(RevisedRow):
    """One person in one hospital, known by issuer and patient id (PS3.3 C.7.1.1)."""

    hospital = models.ForeignKey(Hospital, on_delete=models.PROTECT, related_name="patients")
    issuer = models.CharField(max_length=64, default="", blank=True)
    patient_id = models.CharField(max_length=64)
    pseudonym = models.CharField(max_length=64)
    name = models.CharField(max_length=200, default="", blank=True)
    sex = models.CharField(max_length=1, default="", blank=True)
    birth_date = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ["pseudonym"]
        constraints = [
            models.UniqueConstraint(
                fields=["hospital", "issuer", "patient_id"], name="one_patient_per_identity"
            ),
            models.UniqueConstraint(fields=["hospital", "pseudonym"], name="one_patient_per_pseudonym"),
        ]

    def __str__(self) -> str:
        return self.pseudonym
