"""Patients as administrators see them: by pseudonym, never by name."""

from __future__ import annotations

from django.db.models import Count, QuerySet

from webapp.patients.models import Patient


def patients_matching(pseudonym: str) -> QuerySet[Patient]:
    """Return the patients whose pseudonym holds ``pseudonym`` with their number of ``study_count``."""
    patients = (
        Patient.objects.select_related("hospital")
        .defer("name", "patient_id", "issuer")
        .annotate(study_count=Count("studies"))
        .order_by("pseudonym", "id")
    )
    return patients.filter(pseudonym__icontains=pseudonym) if pseudonym else patients
