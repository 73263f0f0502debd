"""Uploads and what they bring: studies, series, instances."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from webapp.accounts.models import Hospital
from webapp.cohorts.models import Cohort
from webapp.core.models import Blob, Row, Work
from webapp.patients.models import Patient

CHECKS = "checks"
"""Queue of the workers that decode untrusted files."""


class UploadState(models.TextChoices):
    """States of an upload (contracts: Uploads)."""

    RECEIVING = "receiving"
    CHECKING = "checking"
    DONE = "done"
    FAILED = "failed"


class FileOutcome(models.TextChoices):
    """What became of one uploaded file."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    HELD = "held"
    CONFLICT = "conflict"
    REFUSED = "refused"


class SeriesState(models.TextChoices):
    """Where a series stands between its first file and the viewer."""

    RECEIVING = "receiving"
    CHECKING = "checking"
    READY = "ready"
    UNUSABLE = "unusable"
    FAILED = "failed"


class Grade(models.TextChoices):
    """May this series be measured?"""

    FULL = "full"
    LIMITED = "limited"
    UNUSABLE = "unusable"


class Study(Row):
    """A DICOM study of one patient, in one or more cohorts."""

    hospital = models.ForeignKey(Hospital, on_delete=models.PROTECT, related_name="studies")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="studies")
    study_uid = models.CharField(max_length=64)
    study_date = models.DateField(null=True, blank=True)
    description = models.CharField(max_length=200, default="", blank=True)
    cohorts = models.ManyToManyField(Cohort, related_name="studies")

    class Meta:
        ordering = ["-created_at"]
        verbose_name_plural = "studies"
        constraints = [models.UniqueConstraint(fields=["hospital", "study_uid"], name="one_study_per_uid")]

    def __str__(self) -> str:
        return str(self.pk)


class Series(Row):
    """A DICOM series. ``revision`` counts the manifests it has had; results belong to a revision."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="series")
    series_uid = models.CharField(max_length=64)
    modality = models.CharField(max_length=16, default="", blank=True)
    description = models.CharField(max_length=200, default="", blank=True)
    derived = models.BooleanField(default=False, help_text="Computed from other images, such as reformats.")
    state = models.CharField(max_length=10, choices=SeriesState, default=SeriesState.RECEIVING)
    reason = models.TextField(default="", blank=True, help_text="Why it cannot be used, in words.")
    last_instance_at = models.DateTimeField(auto_now_add=True)
    override_reason = models.TextField(default="", blank=True)
    current = models.ForeignKey(
        "SeriesRevision", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["created_at"]
        verbose_name_plural = "series"
        constraints = [models.UniqueConstraint(fields=["study", "series_uid"], name="one_series_per_uid")]

    def __str__(self) -> str:
        return str(self.pk)


class Instance(Row):
    """One stored DICOM object, or the one NIfTI file of a series made from it."""

    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="instances")
    sop_uid = models.CharField(max_length=64)
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=6, choices=[("dicom", "DICOM"), ("nifti", "NIfTI")], default="dicom")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["series", "sop_uid"], name="one_instance_per_uid")]

    def __str__(self) -> str:
        return str(self.pk)


class SeriesRevision(Work):
    """One complete state of a series: its manifest, and the check that decodes it in a worker."""

    QUEUE = CHECKS

    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="revisions")
    number = models.PositiveIntegerField()
    manifest = models.JSONField(help_text="Ordered list of [SOP Instance UID, SHA-256].")
    manifest_hash = models.CharField(max_length=64)
    grade = models.CharField(max_length=8, choices=Grade, default="", blank=True)
    geometry = models.JSONField(default=dict, help_text="Geometry report; no identity of the patient.")
    volume_header = models.JSONField(
        default=dict, help_text="shape, spacing_mm, affine of the stored volume."
    )
    volume_zstd = models.ForeignKey(Blob, null=True, on_delete=models.PROTECT, related_name="+")
    volume_gzip = models.ForeignKey(Blob, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta(Work.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["series", "number"], name="one_revision_per_number")
        ]

    def __str__(self) -> str:
        return f"{self.series_id} revision {self.number}"


class Upload(Work):
    """What one user sent into one cohort, and the work of unpacking and sorting it."""

    QUEUE = CHECKS
    READY: ClassVar[models.Q] = models.Q(receiving=False)

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="uploads")
    cohort = models.ForeignKey(Cohort, on_delete=models.PROTECT, related_name="uploads")
    pseudonym = models.CharField(max_length=64, default="", blank=True)
    receiving = models.BooleanField(default=True)
    series = models.ManyToManyField(Series, blank=True, related_name="uploads")

    class Meta(Work.Meta):
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return str(self.pk)


class UploadedFile(Row):
    """One file of an upload, or one member of an uploaded archive, and what became of it."""

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="files")
    archive = models.ForeignKey(
        "self",
        null=True,
        on_delete=models.CASCADE,
        related_name="members",
        help_text="It came inside this one.",
    )
    tries = models.PositiveSmallIntegerField(default=0, help_text="How often a worker began to open it.")
    name = models.CharField(max_length=255)
    size = models.PositiveBigIntegerField(default=0)
    blob = models.ForeignKey(Blob, null=True, on_delete=models.PROTECT, related_name="+")
    outcome = models.CharField(max_length=8, choices=FileOutcome, default=FileOutcome.PENDING)
    reason = models.TextField(default="", blank=True)
    instance = models.ForeignKey(Instance, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return str(self.pk)
