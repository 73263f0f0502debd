"""Readings: a reader's answers on one series in one round."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from webapp.analyses.models import Analysis, FoundRegion
from webapp.cohorts.models import AIPolicy, Cohort
from webapp.core.models import Blob, RevisedRow, Row
from webapp.imaging.models import SeriesRevision


class Round(models.TextChoices):
    """Rounds of reading."""

    FIRST = "first"
    SECOND = "second"
    ADJUDICATION = "adjudication"


class ReadingState(models.TextChoices):
    """A draft has one author; a signed reading never changes again."""

    DRAFT = "draft"
    SIGNED = "signed"


class Judgement(models.TextChoices):
    """The reader's word on one region."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    REDRAWN = "redrawn"
    UNSURE = "unsure"


class RejectionReason(models.TextChoices):
    """What a rejected region really is; it becomes part of the label."""

    VESSEL = "vessel"
    MOTION = "motion"
    ATELECTASIS = "atelectasis"
    EFFUSION = "effusion"
    FIBROSIS = "fibrosis"
    OUTSIDE_LUNG = "outside_lung"
    OTHER = "other"


class RegionMask(Row):
    """An immutable mask: packed bits (C order [z, y, x], big-endian bits) of a box on the series grid."""

    box = models.JSONField(help_text="[z0, y0, x0, z1, y1, x1], half open, voxels")
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    voxels = models.PositiveBigIntegerField()
    volume_ml = models.FloatField()

    def __str__(self) -> str:
        return str(self.pk)


class Reading(RevisedRow):
    """One reader's answers on one series revision in one round."""

    series_revision = models.ForeignKey(SeriesRevision, on_delete=models.PROTECT, related_name="readings")
    cohort = models.ForeignKey(Cohort, on_delete=models.PROTECT, related_name="readings")
    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="readings")
    round = models.CharField(max_length=12, choices=Round, default=Round.FIRST)
    state = models.CharField(max_length=6, choices=ReadingState, default=ReadingState.DRAFT)
    analysis = models.ForeignKey(Analysis, null=True, on_delete=models.PROTECT, related_name="readings")
    answers = models.JSONField(default=dict)
    answers_before_ai = models.JSONField(null=True)
    ai_policy = models.CharField(
        max_length=20, choices=AIPolicy, default="", blank=True, help_text="The cohort's policy when signed."
    )
    ai_shown_at = models.DateTimeField(null=True)
    analyses_shown = models.JSONField(default=list, help_text="[{analysis, at}] in the order of showing.")
    signed_at = models.DateTimeField(null=True)
    content_hash = models.CharField(max_length=64, default="", blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["series_revision", "cohort", "reader", "round"],
                name="one_reading_per_reader_and_round",
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)


class Verdict(Row):
    """The reader's word on one found region. ``mask`` holds the redrawn outline."""

    reading = models.ForeignKey(Reading, on_delete=models.CASCADE, related_name="verdicts")
    region = models.ForeignKey(FoundRegion, on_delete=models.PROTECT, related_name="verdicts")
    judgement = models.CharField(max_length=8, choices=Judgement)
    reason = models.CharField(max_length=20, choices=RejectionReason, default="", blank=True)
    mask = models.ForeignKey(RegionMask, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["reading", "region"], name="one_verdict_per_region")]

    def __str__(self) -> str:
        return f"{self.region} {self.judgement}"


class OwnRegion(Row):
    """A region that the systems missed and the reader drew."""

    reading = models.ForeignKey(Reading, on_delete=models.CASCADE, related_name="own_regions")
    number = models.PositiveIntegerField()
    lesion_value = models.PositiveSmallIntegerField(default=4)
    mask = models.ForeignKey(RegionMask, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["reading", "number"], name="one_own_region_per_number")
        ]

    def __str__(self) -> str:
        return f"N{self.number}"


class Addendum(Row):
    """Something the reader adds to a signed reading."""

    reading = models.ForeignKey(Reading, on_delete=models.PROTECT, related_name="addenda")
    text = models.TextField()

    class Meta:
        ordering = ["created_at"]
        verbose_name_plural = "addenda"

    def __str__(self) -> str:
        return str(self.pk)
