"""Analyses: runs of diagnosis systems on a series revision, and what they found."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from django.conf import settings
from django.db import models

from webapp.core.models import Blob, Row, Work
from webapp.imaging.models import Series, SeriesRevision

ANALYSES = "analyses"
"""Queue of the workers that run the systems: one process per GPU."""
LESION_SEGMENTATION = "lesions"
"""Stands in the place of a system for the regions of the lesion segmentation."""


class Analysis(Work):
    """One run of chosen systems on one series revision."""

    QUEUE = ANALYSES

    revision = models.ForeignKey(SeriesRevision, on_delete=models.PROTECT, related_name="analyses")
    systems = models.JSONField(default=list)
    options = models.JSONField(default=dict, help_text="{system: {option: value}}")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    results = models.JSONField(default=dict, help_text="The JSON of contracts.md, without files.")
    infected_percent = models.FloatField(null=True)

    class Meta(Work.Meta):
        ordering = ["-created_at"]
        verbose_name_plural = "analyses"

    def __str__(self) -> str:
        return str(self.pk)


class LabelVolume(Row):
    """A stored label volume of an analysis on the series grid.

    ``lungs``, ``lobes`` or ``lesions``; or the numbered ``regions`` of a system.
    """

    analysis = models.ForeignKey(Analysis, on_delete=models.CASCADE, related_name="label_volumes")
    kind = models.CharField(max_length=20)
    system = models.CharField(max_length=40, default="", blank=True)
    dtype = models.CharField(max_length=8)
    shape = models.JSONField(help_text="[z, y, x]")
    blob = models.ForeignKey(
        Blob, on_delete=models.PROTECT, related_name="+", help_text="zstd, little-endian"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["analysis", "kind", "system"], name="one_label_volume_per_kind")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.system}"


class HeatmapRow(Row):
    """What a heatmap shows and where; its values are float16 of value / reference on its own grid, zstd."""

    analysis_id: UUID
    system = models.CharField(max_length=40)
    class_name = models.CharField(max_length=40)
    kind = models.CharField(max_length=40)
    reference = models.FloatField()
    threshold = models.FloatField()
    shape = models.JSONField(help_text="[z, y, x]")
    affine = models.JSONField(help_text="4 x 4, voxel centre [x, y, z, 1] to LPS mm")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.system} {self.class_name} {self.kind}"


class StoredHeatmap(HeatmapRow):
    """A heatmap of a finished analysis."""

    analysis = models.ForeignKey(Analysis, on_delete=models.CASCADE, related_name="heatmaps")
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["analysis", "system", "class_name", "kind"], name="one_heatmap_per_class_and_kind"
            )
        ]


class HeatmapPreview(HeatmapRow):
    """A heatmap while a running analysis makes it.

    It lives as long as its attempt and is no blob: nothing may point at it.
    """

    analysis = models.ForeignKey(Analysis, on_delete=models.CASCADE, related_name="previews")
    attempt = models.PositiveIntegerField(
        help_text="Of the analysis: what another attempt left is not shown."
    )
    done = models.FloatField(help_text="The finished part, 0 to 1.")
    values = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["analysis", "system", "class_name", "kind"], name="one_preview_per_class_and_kind"
            )
        ]


class FoundRegion(Row):
    """A region that a system points at, or one of the lesion segmentation.

    Its mask is the box's part of the system's label volume.
    """

    analysis = models.ForeignKey(Analysis, on_delete=models.CASCADE, related_name="regions")
    system = models.CharField(max_length=40)
    number = models.PositiveIntegerField(help_text="Value in the label volume; the label ends with it.")
    class_name = models.CharField(max_length=40)
    volume_ml = models.FloatField()
    side = models.CharField(max_length=8)
    lobe = models.CharField(max_length=3, default="", blank=True)
    evidence = models.FloatField()
    box = models.JSONField(help_text="[z0, y0, x0, z1, y1, x1], half open, voxels")
    box_mm = models.JSONField()
    centre = models.JSONField(help_text="[z, y, x] of a voxel inside the mask")
    centre_mm = models.JSONField()
    largest_slice = models.PositiveIntegerField(help_text="z of the slice with most voxels")

    class Meta:
        ordering = ["system", "number"]
        constraints = [
            models.UniqueConstraint(fields=["analysis", "system", "number"], name="one_region_per_number")
        ]

    def __str__(self) -> str:
        return f"{self.system} {self.label}"

    @property
    def label(self) -> str:
        """Its name for people: S<number> in the lesion segmentation, R<number> in a heatmap."""
        return f"{'S' if self.system == LESION_SEGMENTATION else 'R'}{self.number}"


class Reveal(Row):
    """From this time on this reader has seen what the systems found in this series."""

    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="reveals")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["reader", "series"], name="one_reveal_per_reader_and_series")
        ]

    def __str__(self) -> str:
        return str(self.pk)
