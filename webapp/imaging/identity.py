"""Whom and what a received file belongs to."""

from __future__ import annotations

import datetime
import uuid
from dataclasses import dataclass

from diagnosis.dicom.headers import SliceHeader

FROM_STUDY = "study"
FROM_PSEUDONYM = "pseudonym"
"""Issuers of patient ids that are no hospital's: the file names no patient, or the sender named one."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Patient, study, series and instance of one file. ``pseudonym`` finds or names the patient."""

    issuer: str
    patient_id: str
    study_uid: str
    series_uid: str
    sop_uid: str
    kind: str
    modality: str = "CT"
    derived: bool = False
    pseudonym: str = ""
    patient_name: str = ""
    sex: str = ""
    birth_date: datetime.date | None = None
    study_date: datetime.date | None = None
    study_description: str = ""
    series_description: str = ""


def of_dicom(header: SliceHeader, pseudonym: str = "") -> Identity:
    """Return the identity in a DICOM header. Without a patient id every study is a patient of its own."""
    return Identity(
        issuer=header.patient_id_issuer if header.patient_id else FROM_STUDY,
        patient_id=header.patient_id or header.study_instance_uid,
        study_uid=header.study_instance_uid,
        series_uid=header.series_instance_uid,
        sop_uid=header.sop_instance_uid,
        kind="dicom",
        modality=header.modality[:16],
        derived=header.is_derived,
        pseudonym=pseudonym,
        patient_name=header.patient_name[:200],
        sex=header.patient_sex[:1].upper(),
        birth_date=header.patient_birth_date,
        study_date=header.study_date,
        study_description=header.study_description[:200],
        series_description=header.series_description[:200],
    )


def of_nifti(sha256: str, pseudonym: str) -> Identity:
    """Return the identity of a NIfTI volume: the sender names the patient, the UIDs come from its hash."""
    return Identity(
        issuer=FROM_PSEUDONYM,
        patient_id=pseudonym,
        study_uid=_uid("study", sha256),
        series_uid=_uid("series", sha256),
        sop_uid=_uid("instance", sha256),
        kind="nifti",
        pseudonym=pseudonym,
        series_description="NIfTI volume",
    )


def _uid(what: str, sha256: str) -> str:
    """A UID under 2.25 (PS3.5 B.2) that the same bytes always get."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, f'{what} {sha256}').int}"
