"""Analyses as the API tells them, and what it takes to start one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar, get_args
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from diagnosis.systems.availability import State
from diagnosis.systems.interface import Evidence
from webapp.accounts.models import User
from webapp.analyses.models import Analysis, FoundRegion, HeatmapPreview, HeatmapRow, StoredHeatmap
from webapp.analyses.outlook import Outlook
from webapp.analyses.selectors import analyses_for
from webapp.core.models import WorkState
from webapp.imaging.models import Series


class AnalysisRequestSerializer(serializers.Serializer[dict[str, Any]]):
    """Which systems to run, with which options, how urgently."""

    systems = serializers.ListField(child=serializers.CharField(), allow_empty=True)
    options = serializers.DictField(
        child=serializers.DictField(child=serializers.CharField()), required=False, default=dict
    )
    priority = serializers.IntegerField(min_value=-10, max_value=10, required=False, default=0)


class OptionSerializer(serializers.Serializer[Any]):
    """One choice a user has when running a system."""

    name = serializers.CharField()
    choices = serializers.ListField(child=serializers.CharField())
    default = serializers.CharField()
    help = serializers.CharField()


class SystemSerializer(serializers.Serializer[Any]):
    """A system: what it is, whether it can run here, and how well its weights did on phantoms.

    Without weights there is no ``version``, and no ``auc`` where none was measured.
    """

    name = serializers.CharField()
    title = serializers.CharField()
    paper = serializers.CharField()
    reads = serializers.CharField(required=False)
    state = serializers.ChoiceField(get_args(State))
    default = serializers.BooleanField(help_text="Whether it runs when nobody chooses.")
    reason = serializers.CharField(required=False, help_text="Why weights that are there cannot be used.")
    version = serializers.CharField(required=False)
    auc = serializers.FloatField(required=False, help_text="Area under the ROC curve, on phantoms.")
    auc_interval = serializers.ListField(
        child=serializers.FloatField(), required=False, help_text="95 % interval: lowest and highest."
    )
    probabilities = serializers.ListField(child=serializers.CharField())
    measures = serializers.BooleanField(help_text="Whether it measures the infected part of the lungs.")
    evidence = serializers.ChoiceField(get_args(Evidence), help_text="What its slice_evidence is.")
    heatmaps = serializers.ListField(
        child=serializers.DictField(child=serializers.CharField()),
        help_text="class, kind, and in words for people: name, about.",
    )
    options = OptionSerializer(many=True)


class SystemsSerializer(serializers.Serializer[Any]):
    """All systems, in the order in which they run."""

    results = SystemSerializer(many=True)


class ErrorSerializer(serializers.Serializer[dict[str, str]]):
    """Why an analysis failed, in words."""

    code = serializers.CharField()
    message = serializers.CharField()
    hint = serializers.CharField()
    reference = serializers.CharField()


class AnalysisSerializer(serializers.ModelSerializer[Analysis]):
    """An analysis without its results. What is not known has no key.

    The outlook is shared by all rows of one answer.
    """

    series = serializers.UUIDField(source="revision.series_id")
    series_revision = serializers.IntegerField(source="revision.number")
    seconds_left = serializers.SerializerMethodField()
    queue_position = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()
    outdated = serializers.SerializerMethodField()

    class Meta:
        model = Analysis
        fields = (
            "id", "series", "series_revision", "systems", "options", "state", "stage", "progress",
            "seconds_left", "queue_position", "attempt", "error", "created_at", "started_at", "finished_at",
            "outdated",
        )  # fmt: skip
        read_only_fields = fields

    def to_representation(self, instance: Analysis) -> dict[str, Any]:
        """Leave out what is absent."""
        shown: dict[str, Any] = super().to_representation(instance)
        return {key: value for key, value in shown.items() if value is not None}

    def get_seconds_left(self, analysis: Analysis) -> float | None:
        """Return the expected rest in seconds."""
        return self._outlook().seconds_left(analysis)

    def get_queue_position(self, analysis: Analysis) -> int | None:
        """Return the place in the queue; 1 is taken next."""
        return self._outlook().queue_position(analysis)

    @extend_schema_field(ErrorSerializer(allow_null=True))
    def get_error(self, analysis: Analysis) -> dict[str, str] | None:
        """Return why it failed."""
        if analysis.state != WorkState.FAILED:
            return None
        return {
            "code": analysis.error_code,
            "message": analysis.error_message,
            "hint": analysis.error_hint,
            "reference": analysis.error_reference,
        }

    def get_outdated(self, analysis: Analysis) -> bool:
        """Tell whether the series got further images since."""
        return analysis.revision.series.current_id != analysis.revision_id

    def _outlook(self) -> Outlook:
        root: Any = self.root
        if not hasattr(root, "outlook"):
            root.outlook = Outlook()
        outlook: Outlook = root.outlook
        return outlook


class AnalysisDetailSerializer(AnalysisSerializer):
    """An analysis with its results, or ``hidden`` in their place. The context says ``results_shown``."""

    hidden = serializers.SerializerMethodField()
    results = serializers.SerializerMethodField()

    class Meta(AnalysisSerializer.Meta):
        fields = (*AnalysisSerializer.Meta.fields, "hidden", "results")  # type: ignore[assignment]
        read_only_fields = fields  # type: ignore[assignment]

    def get_hidden(self, analysis: Analysis) -> bool | None:
        """Return true when the results are hidden from this user."""
        return None if self.context["results_shown"] else True

    def get_results(self, analysis: Analysis) -> dict[str, Any] | None:
        """Return the results as in analysis.json, heatmaps by id."""
        if analysis.state != WorkState.SUCCEEDED or not self.context["results_shown"]:
            return None
        results: dict[str, Any] = analysis.results
        return results


class RegionSerializer(serializers.ModelSerializer[FoundRegion]):
    """One region that a system points at (R1, R2 ...) or that was segmented as a lesion (S1, S2 ...)."""

    label = serializers.CharField(read_only=True)  # type: ignore[assignment]

    class Meta:
        model = FoundRegion
        fields = (
            "id", "label", "system", "volume_ml", "side", "lobe", "evidence", "box", "box_mm", "centre_mm",
            "centre", "largest_slice",
        )  # fmt: skip
        read_only_fields = fields

    def to_representation(self, instance: FoundRegion) -> dict[str, Any]:
        """Add the class, whose name is no Python name, and leave out an unknown lobe."""
        shown: dict[str, Any] = super().to_representation(instance)
        return {key: value for key, value in shown.items() if value != ""} | {"class": instance.class_name}


HeatmapT = TypeVar("HeatmapT", bound=HeatmapRow)


class HeatmapRowSerializer(serializers.ModelSerializer[HeatmapT]):
    """What a heatmap shows and where; ``url`` gives the values, under the route ``values_at``."""

    values_at: ClassVar[str]
    url = serializers.SerializerMethodField()

    def to_representation(self, instance: HeatmapT) -> dict[str, Any]:
        """Add the class, whose name is no Python name."""
        return super().to_representation(instance) | {"class": instance.class_name}

    def get_url(self, heatmap: HeatmapT) -> str:
        """Return where the values are."""
        return reverse(self.values_at, args=[heatmap.analysis_id, heatmap.pk])


class HeatmapSerializer(HeatmapRowSerializer[StoredHeatmap]):
    """A heatmap of a finished analysis."""

    values_at = "analysis-heatmap-data"

    class Meta:
        model = StoredHeatmap
        fields = ("id", "system", "kind", "reference", "threshold", "shape", "affine", "url")
        read_only_fields = fields


class PreviewSerializer(HeatmapRowSerializer[HeatmapPreview]):
    """A heatmap that is still being made, of which the part ``done`` is."""

    values_at = "analysis-preview-data"

    class Meta:
        model = HeatmapPreview
        fields = (*HeatmapSerializer.Meta.fields, "done")
        read_only_fields = fields


def analyses_of_series(
    series: Sequence[Series], user: User | AnonymousUser
) -> dict[UUID, list[dict[str, Any]]]:
    """Return the analyses of every series, newest first, without results."""
    found: dict[UUID, list[dict[str, Any]]] = {row.pk: [] for row in series}
    analyses = analyses_for(user).filter(revision__series__in=[row.pk for row in series])
    shown = AnalysisSerializer(analyses, many=True).data
    for analysis, told in zip(analyses, shown, strict=True):
        found[analysis.revision.series_id].append(told)
    return found
