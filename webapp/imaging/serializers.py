"""Uploads, studies and series as the API shows them. What is not known has no key."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from webapp.cohorts.models import Cohort
from webapp.imaging.models import Series, SeriesState, Study, Upload, UploadedFile, UploadState
from webapp.imaging.selectors import analyses_of, state_of
from webapp.patients.models import Patient


class UploadRequest(serializers.Serializer[Any]):
    """The fields beside the files of an upload."""

    cohort = serializers.CharField(required=False, allow_blank=True, default="", max_length=60)
    pseudonym = serializers.CharField(required=False, allow_blank=True, default="", max_length=64)
    more = serializers.BooleanField(required=False, default=False)
    files = serializers.ListField(child=serializers.FileField(), required=False)


class MoreRequest(serializers.Serializer[Any]):
    """Further files of an upload."""

    more = serializers.BooleanField(required=False, default=False)
    files = serializers.ListField(child=serializers.FileField(), required=False)


class FileSerializer(serializers.ModelSerializer[UploadedFile]):
    """One file and what became of it."""

    class Meta:
        model = UploadedFile
        fields = ("name", "outcome", "reason")


class UploadSerializer(serializers.ModelSerializer[Upload]):
    """One upload with its report per file."""

    state = serializers.SerializerMethodField()
    cohort = serializers.SlugRelatedField[Cohort](slug_field="slug", read_only=True)
    files = FileSerializer(many=True, read_only=True)
    studies = serializers.SerializerMethodField()
    series = serializers.SerializerMethodField()
    analyses = serializers.SerializerMethodField()

    class Meta:
        model = Upload
        fields = ("id", "state", "cohort", "created_at", "files", "studies", "series", "analyses")

    @extend_schema_field(serializers.ChoiceField(choices=UploadState.choices))
    def get_state(self, upload: Upload) -> str:
        """Return the state that people see."""
        return state_of(upload)

    def get_studies(self, upload: Upload) -> list[str]:
        """Return the studies that files of it belong to."""
        return list(dict.fromkeys(str(row.study_id) for row in upload.series.all()))

    def get_series(self, upload: Upload) -> list[str]:
        """Return the series that files of it belong to."""
        return [str(row.pk) for row in upload.series.all()]

    def get_analyses(self, upload: Upload) -> list[str]:
        """Return the analyses of those series."""
        return [str(pk) for pk in analyses_of(upload)]


class UploadLineSerializer(UploadSerializer):
    """One upload in a list: without its files."""

    class Meta(UploadSerializer.Meta):
        fields = ("id", "state", "cohort", "created_at")  # type: ignore[assignment]


class PatientSerializer(serializers.ModelSerializer[Patient]):
    """A patient without name and hospital's id."""

    class Meta:
        model = Patient
        fields = ("id", "pseudonym", "sex")

    def to_representation(self, instance: Patient) -> dict[str, Any]:
        """Leave out what is not known."""
        return {key: value for key, value in super().to_representation(instance).items() if value}


class SeriesSerializer(serializers.ModelSerializer[Series]):
    """One series. Context: ``reading`` (slugs of cohorts the user reads for), ``parts`` (``extensions``)."""

    study = serializers.PrimaryKeyRelatedField[Study](read_only=True)
    revision = serializers.IntegerField(source="current.number", read_only=True, required=False)
    manifest_hash = serializers.CharField(source="current.manifest_hash", read_only=True, required=False)
    geometry = serializers.JSONField(source="current.geometry", read_only=True, required=False)
    volume = serializers.SerializerMethodField()
    reading_cohorts = serializers.SerializerMethodField()

    class Meta:
        model = Series
        fields = (
            "id", "study", "description", "modality", "state", "reason", "override_reason",
            "revision", "manifest_hash", "geometry", "volume", "reading_cohorts",
        )  # fmt: skip

    def to_representation(self, instance: Series) -> dict[str, Any]:
        """Leave out what is not known; add what the apps above know."""
        shown = {
            key: value
            for key, value in super().to_representation(instance).items()
            if value not in (None, {}) and (key != "override_reason" or value)
        }
        parts: dict[str, Any] = self.context["parts"].get(instance.pk, {})
        return shown | parts

    @extend_schema_field(serializers.DictField())
    def get_volume(self, series: Series) -> dict[str, Any] | None:
        """Return shape, spacing_mm, affine, slice_order and the address of the stream, once it is ready."""
        revision = series.current
        if series.state != SeriesState.READY or revision is None or not revision.volume_header:
            return None
        address = reverse("series-volume", args=[series.pk])
        header: dict[str, Any] = revision.volume_header
        return header | {"url": f"{address}?revision={revision.number}"}

    def get_reading_cohorts(self, series: Series) -> list[str]:
        """Return the cohorts for which this user may read the series."""
        reading: dict[Any, list[str]] = self.context["reading"]
        return reading.get(series.study_id, [])


class StudySerializer(serializers.ModelSerializer[Study]):
    """One study with its series. ``age`` is that of the patient on the day of the study, in years."""

    patient = serializers.SerializerMethodField()
    cohorts = serializers.SlugRelatedField[Any](slug_field="slug", many=True, read_only=True)
    series = SeriesSerializer(many=True, read_only=True)

    class Meta:
        model = Study
        fields = ("id", "patient", "study_date", "description", "cohorts", "series")

    def to_representation(self, instance: Study) -> dict[str, Any]:
        """Leave out what is not known."""
        return {key: value for key, value in super().to_representation(instance).items() if value is not None}

    @extend_schema_field(PatientSerializer)
    def get_patient(self, study: Study) -> dict[str, Any]:
        """Return pseudonym, sex and age of the patient."""
        age = age_at(study)
        known = {} if age is None else {"age": age}
        return PatientSerializer(study.patient).data | known


class OverrideRequest(serializers.Serializer[Any]):
    """Why a series is to be measured although its geometry is unusable."""

    reason = serializers.CharField(max_length=500)


def age_at(study: Study) -> int | None:
    """Return the age of the patient on the day of the study in whole years."""
    born, day = study.patient.birth_date, study.study_date
    if born is None or day is None or day < born:
        return None
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))
