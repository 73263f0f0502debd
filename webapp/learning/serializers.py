"""Training labels as the API tells them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from webapp.learning.models import TrainingLabel
from webapp.learning.splitting import split_of
from webapp.reviews.masks import mask_facts


class TrainingLabelSerializer(serializers.ModelSerializer[TrainingLabel]):
    """One label without its voxels; those come with ``manage.py export_labels``."""

    reading = serializers.UUIDField(source="reading_id")
    series = serializers.UUIDField(source="reading.series_revision.series_id")
    series_revision = serializers.IntegerField(source="reading.series_revision.number")
    manifest_hash = serializers.CharField(source="reading.series_revision.manifest_hash")
    split = serializers.SerializerMethodField()
    mask = serializers.SerializerMethodField()
    made_at = serializers.DateTimeField(source="created_at")

    class Meta:
        model = TrainingLabel
        fields = (
            "id", "kind", "lesion_value", "reason", "system", "mask", "reading", "series", "series_revision",
            "manifest_hash", "split", "made_at",
        )  # fmt: skip

    def to_representation(self, instance: TrainingLabel) -> dict[str, Any]:
        """Add the class of the study, whose name is no Python name; leave out what is absent."""
        told = super().to_representation(instance) | {"class": instance.reading.answers["diagnosis"]}
        return {key: value for key, value in told.items() if value is not None and value != ""}

    def get_split(self, label: TrainingLabel) -> str:
        """The side of the patient, for life."""
        return split_of(label.reading.series_revision.series.study.patient_id)

    def get_mask(self, label: TrainingLabel) -> dict[str, Any] | None:
        """Hash, box and ml; background has none."""
        return mask_facts(label.mask) if label.mask else None
