"""Finding, adding and changing patients."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db import IntegrityError, transaction

from webapp.accounts.models import Hospital, User
from webapp.audit.services import record
from webapp.core.errors import UserError
from webapp.core.revisions import change
from webapp.patients.models import Patient
from webapp.patients.pseudonyms import new_pseudonym

TRIES = 20
"""A random pseudonym is taken once in millions; this many clashes in a row are a fault elsewhere."""


def find_or_create(
    *,
    hospital: Hospital,
    issuer: str,
    patient_id: str,
    name: str = "",
    sex: str = "",
    birth_date: date | None = None,
    pseudonym: str | None = None,
) -> Patient:
    """Return the hospital's patient of this identity (issuer and id), adding it if it is new.

    What is stored of a known patient stays as it is. Two that add the same patient at once get the same row.
    Raises UserError ``pseudonym_taken`` when the wanted pseudonym belongs to another patient.
    """
    identity = {"hospital": hospital, "issuer": issuer, "patient_id": patient_id}
    for _ in range(TRIES):
        known = Patient.objects.filter(**identity).first()
        if known is not None:
            return known
        try:
            with transaction.atomic():
                return Patient.objects.create(
                    **identity,
                    name=name,
                    sex=sex,
                    birth_date=birth_date,
                    pseudonym=pseudonym or new_pseudonym(),
                )
        except IntegrityError:
            if pseudonym and _is_taken(hospital, pseudonym, identity):
                raise _pseudonym_taken() from None
    raise RuntimeError("no free pseudonym was found")


@transaction.atomic
def change_patient(*, actor: User, patient: Patient, based_on: int, **changes: Any) -> Patient:
    """Change pseudonym, sex or birth_date. Raises StaleRevision."""
    try:
        with transaction.atomic():
            changed = change(patient, based_on, **changes)
    except IntegrityError as error:
        raise _pseudonym_taken() from error
    record(actor=actor, action="patient.changed", target=patient, details={"fields": sorted(changes)})
    return changed


def _is_taken(hospital: Hospital, pseudonym: str, identity: dict[str, Any]) -> bool:
    """Return whether another patient has the pseudonym, and not the same one, added meanwhile."""
    return Patient.objects.filter(hospital=hospital, pseudonym=pseudonym).exclude(**identity).exists()


def _pseudonym_taken() -> UserError:
    return UserError(
        "pseudonym_taken",
        "Another patient of this hospital has this pseudonym already.",
        "Choose another pseudonym.",
        status=409,
    )
