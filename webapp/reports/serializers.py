"""Rows of worklist and cohort table for OpenAPI; ``worklist_rows`` and ``table_rows`` make them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class PatientPart(serializers.Serializer[Any]):
    """A patient without name."""

    pseudonym = serializers.CharField()
    sex = serializers.CharField(required=False)
    age = serializers.IntegerField(required=False)


class PersonPart(serializers.Serializer[Any]):
    """A reader."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    initials = serializers.CharField()


class CohortPart(serializers.Serializer[Any]):
    """The cohort through which the user sees the series."""

    slug = serializers.CharField()
    name = serializers.CharField()


class ReadingPart(serializers.Serializer[Any]):
    """The reading that matters most to the user."""

    id = serializers.UUIDField()
    state = serializers.CharField()
    reader = PersonPart()
    mine = serializers.BooleanField()
    revision = serializers.IntegerField()


class PredictionPart(serializers.Serializer[Any]):
    """What one classifier says of COVID-19; ``positive`` where it has an operating point."""

    system = serializers.CharField()
    title = serializers.CharField()
    probability = serializers.FloatField()
    positive = serializers.BooleanField(required=False)
    demonstration = serializers.BooleanField()


class WorklistRowSerializer(serializers.Serializer[Any]):
    """One series in the worklist."""

    series = serializers.UUIDField()
    study = serializers.UUIDField()
    patient = PatientPart()
    study_date = serializers.DateField(required=False)
    description = serializers.CharField(required=False)
    cohort = CohortPart(required=False)
    geometry = serializers.DictField(required=False)
    state = serializers.CharField()
    reason = serializers.CharField(required=False)
    analysis = serializers.DictField(required=False)
    ai_hidden = serializers.BooleanField()
    infected_percent = serializers.FloatField(required=False)
    predictions = PredictionPart(many=True, required=False)
    reading = ReadingPart(required=False)
    viewer_url = serializers.CharField()


class WorklistPageSerializer(serializers.Serializer[Any]):
    """One page of the worklist."""

    results = WorklistRowSerializer(many=True)
    next = serializers.URLField(allow_null=True)
    count = serializers.IntegerField()
    counts = serializers.DictField(child=serializers.IntegerField())


class MeasuredPart(serializers.Serializer[Any]):
    """What an analysis measured; ``range`` says whether the range is calibrated."""

    found_by = serializers.CharField(required=False)
    infected_ml = serializers.FloatField(required=False)
    range = serializers.CharField(required=False)
    range_low = serializers.FloatField(required=False)
    range_high = serializers.FloatField(required=False)
    lobes_percent = serializers.DictField(child=serializers.FloatField(), required=False)
    types_ml = serializers.DictField(child=serializers.FloatField(), required=False)
    severity = serializers.DictField(child=serializers.IntegerField(), required=False)
    severity_total = serializers.IntegerField(required=False)


class ClassifierPart(serializers.Serializer[Any]):
    """What one classifier said, by the keys of its probabilities."""

    version = serializers.CharField()
    probabilities = serializers.DictField(child=serializers.FloatField())
    operating_points = serializers.DictField(child=serializers.FloatField())


class TableRowSerializer(serializers.Serializer[Any]):
    """One signed reading in a cohort's table, or a series without one."""

    study = serializers.UUIDField()
    series = serializers.UUIDField()
    patient = PatientPart()
    study_date = serializers.DateField(required=False)
    viewer_url = serializers.CharField()
    ai_hidden = serializers.BooleanField()
    infected_percent = serializers.FloatField(required=False)
    infected_percent_by_system = serializers.DictField(
        child=serializers.FloatField(), required=False, help_text="Of the systems that measure one."
    )
    systems = serializers.CharField(required=False)
    measured = MeasuredPart(required=False)
    predicted = serializers.DictField(
        child=ClassifierPart(), required=False, help_text="By name of the classifier."
    )
    reading = serializers.UUIDField(required=False)
    reader = PersonPart(required=False)
    signed_at = serializers.DateTimeField(required=False)
    co_rads = serializers.IntegerField(required=False)
    severity_total = serializers.IntegerField(required=False)
    diagnosis = serializers.CharField(required=False)
    verdicts = serializers.DictField(child=serializers.IntegerField(), required=False)
    own_regions = serializers.IntegerField(required=False)


class TablePageSerializer(serializers.Serializer[Any]):
    """One page of a cohort's table."""

    results = TableRowSerializer(many=True)
    next = serializers.URLField(allow_null=True)
    count = serializers.IntegerField()
