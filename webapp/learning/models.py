"""What signed readings teach."""

from __future__ import annotations

from django.db import models

from webapp.core.models import Row
from webapp.reviews.models import Reading, RegionMask


class LabelKind(models.TextChoices):
    """Kinds of training labels (architecture: Label kinds)."""

    OUTLINE = "outline"
    POINTER = "pointer"
    FALSE_EVIDENCE = "false_evidence"
    UNSURE = "unsure"
    BACKGROUND = "background"


class TrainingLabel(Row):
    """One thing that a signed reading teaches about one place. Background has no mask: it is the rest."""

    reading = models.ForeignKey(Reading, on_delete=models.PROTECT, related_name="training_labels")
    kind = models.CharField(max_length=14, choices=LabelKind)
    mask = models.ForeignKey(RegionMask, null=True, on_delete=models.PROTECT, related_name="+")
    lesion_value = models.PositiveSmallIntegerField(null=True, help_text="Only for outlines.")
    reason = models.CharField(max_length=20, default="", blank=True)
    system = models.CharField(max_length=40, default="", blank=True, help_text="Whose evidence was judged.")

    class Meta:
        ordering = ["reading", "created_at"]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"
