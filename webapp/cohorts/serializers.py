"""JSON of cohorts, members, and the signed-in user."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from webapp.accounts.models import Hospital, User
from webapp.cohorts.models import Cohort, Membership, Role
from webapp.cohorts.permissions import ROLES_FOR, Action
from webapp.cohorts.selectors import members_of


class MemberSerializer(serializers.ModelSerializer[Membership]):
    """One person's role in a cohort."""

    email = serializers.EmailField(source="user.email", read_only=True)
    name = serializers.CharField(source="user.name", read_only=True)

    class Meta:
        model = Membership
        fields = ["id", "email", "name", "role", "revision"]
        read_only_fields = ["revision"]


class NewMemberSerializer(serializers.Serializer[Any]):
    """A person to add by address."""

    email = serializers.EmailField()
    role = serializers.ChoiceField(choices=Role.choices)


class CohortSerializer(serializers.ModelSerializer[Cohort]):
    """A cohort; ``hospital`` and ``guests`` are slugs of hospitals."""

    hospital = serializers.SlugRelatedField(slug_field="slug", queryset=Hospital.objects.all())
    guests: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(
        slug_field="slug", many=True, read_only=True
    )

    class Meta:
        model = Cohort
        fields = ["id", "slug", "name", "hospital", "guests", "ai_policy", "revision"]
        read_only_fields = ["revision"]
        extra_kwargs: ClassVar[dict[str, Any]] = {"slug": {"required": False, "validators": []}}


class CohortChangesSerializer(serializers.ModelSerializer[Cohort]):
    """What of a cohort can be changed. ``guests`` only by administrators, alone in its request."""

    guests = serializers.SlugRelatedField(
        slug_field="slug", many=True, queryset=Hospital.objects.all(), required=False
    )

    class Meta:
        model = Cohort
        fields = ["name", "ai_policy", "guests"]


class ManagedCohortSerializer(CohortSerializer):
    """A cohort as those see it who manage it: with its members."""

    members = serializers.SerializerMethodField()

    class Meta(CohortSerializer.Meta):
        fields = [*CohortSerializer.Meta.fields, "members"]

    def get_members(self, cohort: Cohort) -> list[dict[str, Any]]:
        """Return the members in the order of their addresses."""
        return list(MemberSerializer(members_of(cohort), many=True).data)


def me(user: User) -> dict[str, Any]:
    """Return the signed-in user with the cohorts they may see and what they may do there."""
    body: dict[str, Any] = {
        "id": str(user.pk),
        "email": user.email,
        "name": user.name,
        "initials": user.initials,
        "is_administrator": user.is_administrator,
        "cohorts": _cohorts(user),
    }
    if user.hospital is not None:
        body["hospital"] = {"id": str(user.hospital.pk), "name": user.hospital.name}
    return body


def _cohorts(user: User) -> list[dict[str, Any]]:
    roles = dict(user.memberships.values_list("cohort_id", "role"))
    cohorts = Cohort.objects.all() if user.is_administrator else Cohort.objects.filter(pk__in=roles)
    return [_cohort(user, cohort, roles.get(cohort.pk)) for cohort in cohorts]


def _cohort(user: User, cohort: Cohort, role: str | None) -> dict[str, Any]:
    def may(action: Action) -> bool:
        return user.is_administrator or role in ROLES_FOR[action]

    return {
        "slug": cohort.slug,
        "name": cohort.name,
        "role": "administrator" if user.is_administrator else role,
        "ai_policy": cohort.ai_policy,
        "may_upload": may(Action.UPLOAD),
        "may_read": may(Action.READ),
        "may_manage": may(Action.MANAGE),
        "may_export": may(Action.EXPORT),
    }
