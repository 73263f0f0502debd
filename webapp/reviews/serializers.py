"""Readings as the API tells them, and what it takes."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

from rest_framework import serializers

from webapp.analyses.visibility import shows_ai
from webapp.cohorts.models import AIPolicy
from webapp.reviews.completeness import missing, policy_of
from webapp.reviews.masks import mask_facts
from webapp.reviews.models import (
    Addendum,
    Judgement,
    OwnRegion,
    Reading,
    ReadingState,
    RegionMask,
    RejectionReason,
    Round,
    Verdict,
)
from webapp.reviews.selectors import newest_analysis
from webapp.reviews.services.changing import Changes, GivenVerdict


class MaskDocument(TypedDict):
    """Where a drawn mask is and how large; the bits are at ``.../mask``."""

    sha256: str
    box: list[int]
    volume_ml: float


class VerdictDocument(TypedDict):
    """The reader's word on one region of the systems."""

    verdict: str
    reason: NotRequired[str]
    mask: NotRequired[MaskDocument]


class OwnRegionDocument(TypedDict):
    """A region that the reader added."""

    id: str
    label: str
    lesion_value: int
    mask: NotRequired[MaskDocument]


class AIDocument(TypedDict):
    """When the reader sees AI results, and whether they do."""

    policy: str
    shown: bool
    shown_at: NotRequired[str]


class PersonDocument(TypedDict):
    """A person as colleagues see them."""

    id: str
    name: str
    initials: str


class MissingDocument(TypedDict):
    """One thing to do before signing."""

    code: str
    sentence: str
    target: str


class AddendumSerializer(serializers.ModelSerializer[Addendum]):
    """A text added after signing."""

    at = serializers.DateTimeField(source="created_at", read_only=True)

    class Meta:
        model = Addendum
        fields = ("text", "at")


class ReadingSerializer(serializers.ModelSerializer[Reading]):
    """A reading for the user of the request. What does not exist or must stay hidden has no key."""

    series = serializers.UUIDField(source="series_revision.series_id")
    series_revision = serializers.IntegerField(source="series_revision.number")
    cohort = serializers.CharField(source="cohort.slug")
    reader = serializers.SerializerMethodField()
    mine = serializers.SerializerMethodField()
    analysis = serializers.SerializerMethodField()
    newer_analysis = serializers.SerializerMethodField()
    ai = serializers.SerializerMethodField()
    answers = serializers.SerializerMethodField()
    verdicts = serializers.SerializerMethodField()
    own_regions = serializers.SerializerMethodField()
    missing = serializers.SerializerMethodField()
    saved_at = serializers.DateTimeField(source="updated_at")
    addenda = AddendumSerializer(many=True)

    class Meta:
        model = Reading
        fields = (
            "id", "series", "series_revision", "cohort", "round", "reader", "state", "revision", "mine",
            "analysis", "newer_analysis", "ai", "answers", "answers_before_ai", "verdicts", "own_regions",
            "missing", "saved_at", "signed_at", "content_hash", "addenda",
        )  # fmt: skip

    def to_representation(self, instance: Reading) -> dict[str, Any]:
        """Leave out what is absent."""
        user, series = self.context["request"].user, instance.series_revision.series
        self._ai_shown = shows_ai(user, series)
        told: dict[str, Any] = super().to_representation(instance)
        return _present(told)

    def get_reader(self, reading: Reading) -> PersonDocument:
        """Whose reading it is."""
        person = reading.reader
        return {"id": str(person.pk), "name": str(person), "initials": person.initials}

    def get_mine(self, reading: Reading) -> bool:
        """Whether the asking user wrote it."""
        return bool(reading.reader_id == self.context["request"].user.pk)

    def get_analysis(self, reading: Reading) -> str | None:
        """The analysis whose regions are judged."""
        return str(reading.analysis_id) if reading.analysis_id and self._ai_shown else None

    def get_newer_analysis(self, reading: Reading) -> str | None:
        """A later analysis that a draft may go over to."""
        if reading.state != ReadingState.DRAFT or not self._ai_shown:
            return None
        newest = newest_analysis(reading.series_revision)
        return str(newest.pk) if newest and newest.pk != reading.analysis_id else None

    def get_ai(self, reading: Reading) -> AIDocument:
        """Policy and reveal."""
        policy = policy_of(reading)
        shown = policy == AIPolicy.AT_ONCE or (policy != AIPolicy.NEVER and reading.ai_shown_at is not None)
        told: AIDocument = {"policy": policy, "shown": shown}
        if reading.ai_shown_at and shown:
            told["shown_at"] = reading.ai_shown_at.isoformat().replace("+00:00", "Z")
        return told

    def get_answers(self, reading: Reading) -> dict[str, Any]:
        """The form; note and nothing_else always have a value."""
        answers: dict[str, Any] = {"note": "", "nothing_else": False} | reading.answers
        return answers

    def get_verdicts(self, reading: Reading) -> dict[str, VerdictDocument]:
        """Verdicts by region id."""
        if not self._ai_shown:
            return {}
        return {str(row.region_id): _verdict(row) for row in reading.verdicts.all()}

    def get_own_regions(self, reading: Reading) -> list[OwnRegionDocument]:
        """Regions the reader added."""
        return [_own_region(row) for row in reading.own_regions.all()]

    def get_missing(self, reading: Reading) -> list[MissingDocument]:
        """What is needed before signing; only its author is told, and nothing once it is signed."""
        if reading.state == ReadingState.SIGNED or not self.get_mine(reading):
            return []
        return [
            {"code": lack.code, "sentence": lack.sentence, "target": lack.target} for lack in missing(reading)
        ]


class GivenVerdictSerializer(serializers.Serializer[dict[str, Any]]):
    """A verdict as the reader gives it."""

    verdict = serializers.ChoiceField(Judgement.choices)
    reason = serializers.ChoiceField(RejectionReason.choices, required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Only a rejection has a reason."""
        if attrs.get("reason") and attrs["verdict"] != Judgement.REJECTED:
            raise serializers.ValidationError("Only a rejected region has a reason.")
        return attrs


class GivenOwnRegionSerializer(serializers.Serializer[dict[str, Any]]):
    """The kind of an own region."""

    lesion_value = serializers.IntegerField()


class ByRegionField(serializers.DictField):
    """A dictionary whose keys are ids of regions."""

    def to_internal_value(self, data: Any) -> dict[Any, Any]:
        """Turn the keys into UUIDs."""
        by_text: dict[str, Any] = super().to_internal_value(data)
        key = serializers.UUIDField()
        return {key.run_validation(text): value for text, value in by_text.items()}


class ChangesSerializer(serializers.Serializer[dict[str, Any]]):
    """The body of PATCH: any subset."""

    answers = serializers.DictField(required=False)
    verdicts = ByRegionField(child=GivenVerdictSerializer(allow_null=True), required=False)
    own_regions = ByRegionField(child=GivenOwnRegionSerializer(), required=False)

    def changes(self) -> Changes:
        """Return what to change."""
        given = self.validated_data
        return Changes(
            answers=given.get("answers", {}),
            verdicts={key: _given(verdict) for key, verdict in given.get("verdicts", {}).items()},
            lesion_values={
                key: region["lesion_value"] for key, region in given.get("own_regions", {}).items()
            },
        )


class StartSerializer(serializers.Serializer[dict[str, Any]]):
    """The body that starts a reading."""

    round = serializers.ChoiceField(Round.choices, default=Round.FIRST)
    cohort = serializers.CharField(default="", allow_blank=True, max_length=60)


class AddRegionSerializer(serializers.Serializer[dict[str, Any]]):
    """The body that adds an own region."""

    lesion_value = serializers.IntegerField(required=False)


class UseAnalysisSerializer(serializers.Serializer[dict[str, Any]]):
    """The body that goes over to another analysis; without one, to the newest."""

    analysis = serializers.UUIDField(required=False)
    confirm = serializers.BooleanField(default=False)


class SignSerializer(serializers.Serializer[dict[str, Any]]):
    """The body of a signature."""

    password = serializers.CharField(trim_whitespace=False, max_length=4096)


class AddendumTextSerializer(serializers.Serializer[dict[str, Any]]):
    """The body of an addendum."""

    text = serializers.CharField(allow_blank=True)


def _present(told: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in told.items() if value is not None and value != ""}


def _verdict(row: Verdict) -> VerdictDocument:
    told: VerdictDocument = {"verdict": row.judgement}
    if row.reason:
        told["reason"] = row.reason
    if row.judgement == Judgement.REDRAWN and row.mask:
        told["mask"] = _mask(row.mask)
    return told


def _own_region(row: OwnRegion) -> OwnRegionDocument:
    told: OwnRegionDocument = {"id": str(row.pk), "label": str(row), "lesion_value": row.lesion_value}
    if row.mask:
        told["mask"] = _mask(row.mask)
    return told


def _mask(mask: RegionMask) -> MaskDocument:
    facts = mask_facts(mask)
    return {"sha256": facts["sha256"], "box": facts["box"], "volume_ml": facts["volume_ml"]}


def _given(verdict: dict[str, Any] | None) -> GivenVerdict | None:
    if verdict is None:
        return None
    reason = verdict.get("reason")
    return GivenVerdict(Judgement(verdict["verdict"]), RejectionReason(reason) if reason else None)
