"""JSON of patients for administrators: no name, no hospital number."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from webapp.patients.models import SEXES, Patient


class ManagedPatientSerializer(serializers.ModelSerializer[Patient]):
    """A patient by pseudonym."""

    hospital = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    sex = serializers.ChoiceField(choices=SEXES, required=False)

    class Meta:
        model = Patient
        fields = ["id", "hospital", "pseudonym", "sex", "birth_date", "revision"]
        read_only_fields = ["revision"]
        extra_kwargs: ClassVar[dict[str, Any]] = {"pseudonym": {"validators": []}}
        validators: ClassVar[list[Any]] = []
