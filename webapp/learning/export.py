"""From signed readings to the label folder of the contracts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from diagnosis.labels import Kind, StudyLabel, ignore_mask, write_label_folder
from diagnosis.results import OTHER_INFECTION
from diagnosis.volume import BoolArray, LabelArray
from webapp.accounts.models import User
from webapp.audit.services import record
from webapp.cohorts.models import Cohort
from webapp.core.errors import UserError
from webapp.imaging.volumes import read_volume
from webapp.learning.models import LabelKind, TrainingLabel
from webapp.learning.selectors import teaching_readings
from webapp.learning.splitting import split_of
from webapp.reviews.content import versions_of
from webapp.reviews.masks import read_mask
from webapp.reviews.models import Reading

KINDS: Mapping[str, Kind] = {
    LabelKind.OUTLINE: "outline",
    LabelKind.POINTER: "pointer",
    LabelKind.FALSE_EVIDENCE: "false evidence",
    LabelKind.UNSURE: "unsure",
    LabelKind.BACKGROUND: "background",
}


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote: the hash of the label set, and of how many series and patients it is made."""

    label_set: str
    studies: int
    patients: int


def export_labels(*, cohort: Cohort, folder: Path, actor: User | None = None) -> Exported:
    """Write the label folder of a cohort, one series in memory at a time.

    Raises UserError when the cohort has no signed reading, or when the folder holds anything.
    """
    readings = teaching_readings(cohort)
    if not readings:
        raise UserError(
            "no_labels",
            f"No reading of the cohort {cohort.slug} is signed, so there is nothing to learn from.",
            "Sign readings first.",
        )
    try:
        label_set = write_label_folder(folder, map(study_label, readings))
    except FileExistsError as error:
        raise UserError(
            "folder_not_empty", "The folder for the labels holds files already.", "Name a new one."
        ) from error
    patients = {reading.series_revision.series.study.patient_id for reading in readings}
    exported = Exported(label_set, len(readings), len(patients))
    record(
        actor=actor,
        action="labels.exported",
        target=cohort,
        details={"label_set": label_set, "studies": exported.studies},
    )
    return exported


def study_label(reading: Reading) -> StudyLabel:
    """Return what a signed reading teaches, on the grid of its series.

    Own regions are drawn over redrawn and accepted ones. A place that the reader outlined or pointed at is
    not false evidence, whatever another system showed there.
    """
    revision = reading.series_revision
    volume = read_volume(revision)
    labels = list(reading.training_labels.select_related("mask").order_by("created_at", "pk"))
    outline = _outline(volume.shape, _of(labels, LabelKind.OUTLINE))
    look = tuple(_placed(volume.shape, label) for label in _of(labels, LabelKind.POINTER))
    unsure = [_placed(volume.shape, label) for label in _of(labels, LabelKind.UNSURE)]
    nothing_else = any(True for _ in _of(labels, LabelKind.BACKGROUND))
    patient = revision.series.study.patient
    return StudyLabel(
        study=str(revision.series_id),
        patient=str(patient.pk),
        split=split_of(patient.pk),
        class_name=reading.answers["diagnosis"],
        kinds=tuple(KINDS[kind] for kind in LabelKind.values if any(_of(labels, kind))),
        volume=volume,
        manifest_hash=revision.manifest_hash,
        provenance=_provenance(reading),
        outline=outline if outline.any() or nothing_else else None,
        look=look,
        not_look=_not_look(volume.shape, labels, outline, look),
        ignore=ignore_mask(volume.shape, outline, look, unsure, nothing_else=nothing_else),
    )


def _of(labels: Iterable[TrainingLabel], kind: str) -> Iterator[TrainingLabel]:
    return (label for label in labels if label.kind == kind)


def _placed(shape: tuple[int, int, int], label: TrainingLabel) -> BoolArray:
    """Return the label's mask on the whole series grid."""
    placed = np.zeros(shape, bool)
    if label.mask:
        z0, y0, x0, z1, y1, x1 = label.mask.box
        placed[z0:z1, y0:y1, x0:x1] = read_mask(label.mask)
    return placed


def _outline(shape: tuple[int, int, int], labels: Iterable[TrainingLabel]) -> LabelArray:
    outline = np.zeros(shape, np.uint8)
    for label in sorted(labels, key=lambda label: not label.system):
        outline[_placed(shape, label)] = label.lesion_value or OTHER_INFECTION
    return outline


def _not_look(
    shape: tuple[int, int, int],
    labels: Iterable[TrainingLabel],
    outline: LabelArray,
    look: Iterable[BoolArray],
) -> BoolArray | None:
    rejected = [_placed(shape, label) for label in _of(labels, LabelKind.FALSE_EVIDENCE)]
    if not rejected:
        return None
    not_look: BoolArray = np.any(rejected, axis=0) & (outline == 0)
    for mask in look:
        not_look &= ~mask
    return not_look


def _provenance(reading: Reading) -> dict[str, Any]:
    """Return where the label comes from: ids and hashes, no name of a patient or reader."""
    revision = reading.series_revision
    provenance: dict[str, Any] = {
        "source": "signed reading",
        "reading": str(reading.pk),
        "content_hash": reading.content_hash,
        "reader": str(reading.reader_id),
        "round": reading.round,
        "signed_at": reading.signed_at.isoformat() if reading.signed_at else "",
        "cohort": reading.cohort.slug,
        "study": str(revision.series.study_id),
        "series": str(revision.series_id),
        "series_revision": revision.number,
        "answers": reading.answers,
        "rejected": [
            {"system": label.system, "reason": label.reason}
            for label in reading.training_labels.filter(kind=LabelKind.FALSE_EVIDENCE).order_by(
                "system", "pk"
            )
        ],
    }
    if reading.analysis:
        provenance["analysis"] = {"id": str(reading.analysis.pk), "versions": versions_of(reading.analysis)}
    return provenance
