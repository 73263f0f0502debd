"""Writing the rows of received files: few statements for many files, and safe when eight send the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import models
from django.utils import timezone

from webapp.accounts.models import Hospital
from webapp.core.errors import UserError
from webapp.imaging.identity import Identity
from webapp.imaging.models import (
    FileOutcome,
    Instance,
    Series,
    Study,
    Upload,
    UploadedFile,
)
from webapp.patients.models import Patient
from webapp.patients.services import find_or_create

HELD = "Already held: nothing was stored twice."
OTHER_BYTES = (
    "Another file with the same identifier is already held. It was not touched; this one was kept aside."
)
OTHER_PATIENT = "This study is already held for another patient. It was not touched; the file was kept aside."

PatientKey = tuple[str, str]
SeriesKey = tuple[str, str]


@dataclass(slots=True)
class Arrival:
    """One file that can be used: its row, not yet written but with its blob, and whom it belongs to."""

    file: UploadedFile
    identity: Identity

    @property
    def patient_key(self) -> PatientKey:
        """What tells patients of one hospital apart."""
        return self.identity.issuer, self.identity.patient_id

    @property
    def series_key(self) -> SeriesKey:
        """What tells series of one hospital apart."""
        return self.identity.study_uid, self.identity.series_uid


def owner(upload: Upload) -> Hospital:
    """Return the hospital that owns what this upload brings.

    The cohort's; a guest from another hospital brings patients of their own.
    """
    user, cohort = upload.user, upload.cohort
    if user.is_administrator or user.hospital is None:
        return cohort.hospital
    return user.hospital


def admit(upload: Upload, arrivals: Sequence[Arrival]) -> None:
    """Write patients, studies, series and instances; set outcome, reason and instance of every file row.

    Call it inside a transaction. Rows are inserted in one order by everybody, so that transactions with
    the same files wait for each other instead of locking each other out.
    """
    hospital = owner(upload)
    patients = _patients(hospital, [arrival.identity for arrival in arrivals])
    studies = _studies(hospital, patients, arrivals)
    mine = []
    for arrival in arrivals:
        study, patient = studies[arrival.identity.study_uid], patients[arrival.patient_key]
        if study.patient_id == patient.pk:
            mine.append(arrival)
        else:
            _end(arrival.file, FileOutcome.CONFLICT, OTHER_PATIENT)
    series = _series(studies, mine)
    _instances(series, mine)
    taken = [arrival for arrival in mine if arrival.file.outcome != FileOutcome.CONFLICT]
    _join(upload, {series[arrival.series_key] for arrival in taken})


def _patients(hospital: Hospital, identities: Iterable[Identity]) -> dict[PatientKey, Patient]:
    wanted = {(one.issuer, one.patient_id): one for one in identities}
    found = _known_patients(hospital, wanted)
    for key in sorted(wanted.keys() - found.keys()):
        found[key] = _new_patient(hospital, wanted[key], alone=len(wanted) == 1)
    return found


def _new_patient(hospital: Hospital, one: Identity, *, alone: bool) -> Patient:
    """Add the patient under the pseudonym the sender gave, else a random one.

    Of several DICOM patients nobody knows which one the sender meant, and a pseudonym that another DICOM
    patient has already cannot be given twice.
    """
    add = partial(
        find_or_create,
        hospital=hospital,
        issuer=one.issuer,
        patient_id=one.patient_id,
        name=one.patient_name,
        sex=one.sex,
        birth_date=one.birth_date,
    )
    given = one.pseudonym if alone or one.kind == "nifti" else ""
    try:
        return add(pseudonym=given or None)
    except UserError:
        return add()


def _known_patients(hospital: Hospital, wanted: dict[PatientKey, Identity]) -> dict[PatientKey, Patient]:
    """Find patients by issuer and id; those that a sender named by pseudonym also by that."""
    ids = {patient_id for _, patient_id in wanted}
    rows = Patient.objects.filter(hospital=hospital)
    by_id = {(row.issuer, row.patient_id): row for row in rows.filter(patient_id__in=ids)}
    named = {one.pseudonym for one in wanted.values() if one.kind == "nifti"}
    by_pseudonym = {row.pseudonym: row for row in rows.filter(pseudonym__in=named)} if named else {}
    found = {}
    for key, one in wanted.items():
        row = by_id.get(key) or (by_pseudonym.get(one.pseudonym) if one.kind == "nifti" else None)
        if row is not None:
            found[key] = row
    return found


def _studies(
    hospital: Hospital, patients: dict[PatientKey, Patient], arrivals: Sequence[Arrival]
) -> dict[str, Study]:
    first = {arrival.identity.study_uid: arrival for arrival in reversed(arrivals)}

    def fetch() -> dict[str, Study]:
        rows = Study.objects.filter(hospital=hospital, study_uid__in=first)
        return {row.study_uid: row for row in rows}

    known = fetch()
    missing = sorted(first.keys() - known.keys())
    if not missing:
        return known
    Study.objects.bulk_create(
        [
            Study(
                hospital=hospital,
                patient=patients[first[uid].patient_key],
                study_uid=uid,
                study_date=first[uid].identity.study_date,
                description=first[uid].identity.study_description,
            )
            for uid in missing
        ],
        ignore_conflicts=True,
    )
    return fetch()


def _series(studies: dict[str, Study], arrivals: Sequence[Arrival]) -> dict[SeriesKey, Series]:
    first = {arrival.series_key: arrival.identity for arrival in reversed(arrivals)}
    uids = {uid for _, uid in first}

    def fetch() -> dict[SeriesKey, Series]:
        rows = Series.objects.filter(study__in=studies.values(), series_uid__in=uids).select_related("study")
        return {(row.study.study_uid, row.series_uid): row for row in rows}

    known = fetch()
    missing = sorted(first.keys() - known.keys())
    if not missing:
        return known
    Series.objects.bulk_create(
        [
            Series(
                study=studies[key[0]],
                series_uid=key[1],
                modality=first[key].modality,
                description=first[key].series_description,
                derived=first[key].derived,
            )
            for key in missing
        ],
        ignore_conflicts=True,
    )
    return fetch()


def _instances(series: dict[SeriesKey, Series], arrivals: Sequence[Arrival]) -> None:
    """Insert what is new; what the table holds afterwards tells which file came first."""
    candidates: dict[tuple[Any, str], Instance] = {}
    for arrival in arrivals:
        parent, one = series[arrival.series_key], arrival.identity
        instance = Instance(series=parent, sop_uid=one.sop_uid, blob=arrival.file.blob, kind=one.kind)
        candidates.setdefault((parent.pk, one.sop_uid), instance)
    Instance.objects.bulk_create([candidates[key] for key in sorted(candidates)], ignore_conflicts=True)
    stored = {
        (row.series_id, row.sop_uid): row
        for row in Instance.objects.filter(
            series__in=series.values(), sop_uid__in={uid for _, uid in candidates}
        )
    }
    unclaimed = {row.pk for row in candidates.values()}
    for arrival in arrivals:
        row = stored[series[arrival.series_key].pk, arrival.identity.sop_uid]
        if row.blob_id != arrival.file.blob_id:
            _end(arrival.file, FileOutcome.CONFLICT, OTHER_BYTES)
            continue
        arrival.file.instance = row
        if row.pk in unclaimed:
            unclaimed.remove(row.pk)
            _end(arrival.file, FileOutcome.ACCEPTED, "")
        else:
            _end(arrival.file, FileOutcome.HELD, HELD)


def _join(upload: Upload, series: set[Series]) -> None:
    """Put the studies into the upload's cohort, the series on its list."""
    _link(Study.cohorts.through, "study", {row.study_id for row in series}, "cohort", upload.cohort_id)
    _link(Upload.series.through, "series", {row.pk for row in series}, "upload", upload.pk)
    rows = Series.objects.filter(pk__in={row.pk for row in series})
    list(rows.select_for_update().order_by("pk").values_list("pk"))  # everybody locks in one order
    rows.update(last_instance_at=timezone.now())


def _link(through: type[models.Model], one: str, keys: Iterable[Any], other: str, other_key: Any) -> None:
    through._default_manager.bulk_create(
        [through(**{f"{one}_id": key, f"{other}_id": other_key}) for key in sorted(keys)],
        ignore_conflicts=True,
    )


def _end(file: UploadedFile, outcome: FileOutcome, reason: str) -> None:
    file.outcome, file.reason = outcome, reason
