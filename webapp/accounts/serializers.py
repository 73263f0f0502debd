"""JSON of users, hospitals and tokens."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from webapp.accounts.models import Hospital, User


class SignInSerializer(serializers.Serializer[Any]):
    """E-mail address and password."""

    email = serializers.CharField(max_length=254)
    password = serializers.CharField(max_length=1000, trim_whitespace=False)


class TokenSerializer(serializers.Serializer[Any]):
    """A token and when it expires."""

    token = serializers.CharField()
    expires = serializers.DateTimeField()


class HospitalSerializer(serializers.ModelSerializer[Hospital]):
    """A hospital; its slug is made from the first name it had."""

    class Meta:
        model = Hospital
        fields = ["id", "name", "slug", "revision"]
        read_only_fields = ["slug", "revision"]
        extra_kwargs: ClassVar[dict[str, Any]] = {"name": {"validators": []}}


class UserSerializer(serializers.ModelSerializer[User]):
    """A user as administrators see them."""

    hospital = serializers.SlugRelatedField(
        slug_field="slug", queryset=Hospital.objects.all(), required=False, allow_null=True
    )

    class Meta:
        model = User
        fields = [
            "id",
            "email",
            "name",
            "hospital",
            "is_administrator",
            "is_active",
            "revision",
            "last_login",
        ]
        read_only_fields = ["revision", "last_login", "is_active"]
        extra_kwargs: ClassVar[dict[str, Any]] = {"email": {"validators": []}}


class UserChangesSerializer(serializers.ModelSerializer[User]):
    """What of a user can be changed."""

    hospital = serializers.SlugRelatedField(
        slug_field="slug", queryset=Hospital.objects.all(), required=False, allow_null=True
    )

    class Meta:
        model = User
        fields = ["name", "hospital", "is_administrator", "is_active"]


class CreatedUserSerializer(UserSerializer):
    """A new user with the password, which is shown this once."""

    password = serializers.CharField(read_only=True)

    class Meta(UserSerializer.Meta):
        fields = [*UserSerializer.Meta.fields, "password"]


class PasswordSerializer(serializers.Serializer[Any]):
    """A new password, which is shown this once."""

    password = serializers.CharField()
