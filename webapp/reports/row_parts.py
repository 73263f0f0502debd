"""Parts that rows of the worklist and of the cohorts' tables share."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from webapp.accounts.models import User
from webapp.imaging.models import Series, Study
from webapp.imaging.serializers import age_at

FULL_GEOMETRY = "The series is complete and regular, so volumes can be measured."


def patient_of(study: Study) -> dict[str, Any]:
    """Return pseudonym, sex and age; what is not known has no key."""
    patient = study.patient
    return present({"pseudonym": patient.pseudonym, "sex": patient.sex or None, "age": age_at(study)})


def geometry_of(series: Series) -> dict[str, str] | None:
    """Return the grade and why, in words; None before the first check."""
    revision = series.current
    if revision is None or not revision.grade:
        return None
    sentences = [reason["sentence"] for reason in revision.geometry.get("reasons", [])]
    return {"grade": revision.grade, "sentence": " ".join(sentences) or FULL_GEOMETRY}


def person(user: User) -> dict[str, str]:
    """Return a reader as colleagues see them."""
    return {"id": str(user.pk), "name": str(user), "initials": user.initials}


def viewer_url(series: Series) -> str:
    """Return the address of the viewer's page."""
    return reverse("viewer", args=[series.pk])


def present(row: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is absent."""
    return {key: value for key, value in row.items() if value is not None}
