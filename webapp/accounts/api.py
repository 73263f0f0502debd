"""Sign-in by token; users and hospitals for administrators."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth import authenticate, logout
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from knox.models import AuthToken
from rest_framework import generics, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from webapp.accounts import services
from webapp.accounts.models import Hospital, User
from webapp.accounts.permissions import IsAdministrator
from webapp.accounts.selectors import hospitals_matching, signed_in, users_matching
from webapp.accounts.serializers import (
    CreatedUserSerializer,
    HospitalSerializer,
    PasswordSerializer,
    SignInSerializer,
    TokenSerializer,
    UserChangesSerializer,
    UserSerializer,
)
from webapp.core.errors import UserError
from webapp.core.preconditions import based_on, stale
from webapp.core.revisions import StaleRevision


class TokenView(APIView):
    """Exchange e-mail and password for a token."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(request=SignInSerializer, responses=TokenSerializer)
    def post(self, request: Request) -> Response:
        """Answer ``{token, expires}``; the same sentence for a wrong password and an unknown address."""
        body = SignInSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        user = authenticate(request._request, **body.validated_data)
        if not isinstance(user, User):
            raise UserError(
                "wrong_credentials",
                "E-mail and password do not belong together.",
                "Type both again, or ask the administrator of this site for a new password.",
                status=403,
            )
        user_logged_in.send(sender=User, request=request._request, user=user)
        token = services.issue_token(user=user)
        return Response({"token": token.text, "expires": token.expires})


class LogoutView(APIView):
    """End the token or the session of this request."""

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        """Revoke what the request came with."""
        if isinstance(request.auth, AuthToken):
            request.auth.delete()
            user_logged_out.send(sender=User, request=request._request, user=request.user)
        else:
            logout(request._request)
        return Response(status=status.HTTP_204_NO_CONTENT)


class UserList(generics.ListCreateAPIView[User]):
    """Users, searched by ``?q=`` in name and address; POST creates one."""

    permission_classes = (IsAdministrator,)
    serializer_class = UserSerializer

    def get_queryset(self) -> QuerySet[User]:
        """Return the users that match the search."""
        return users_matching(self.request.query_params.get("q", ""))

    @extend_schema(responses={201: CreatedUserSerializer})
    def create(self, request: Request, *args: object, **kwargs: object) -> Response:
        """Create a user and answer the password once."""
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        user, password = services.create_user(actor=signed_in(request.user), **body.validated_data)
        return Response(UserSerializer(user).data | {"password": password}, status=status.HTTP_201_CREATED)


class UserDetail(APIView):
    """One user."""

    permission_classes = (IsAdministrator,)

    @extend_schema(responses=UserSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """Answer the user."""
        return Response(UserSerializer(get_object_or_404(User, pk=pk)).data)

    @extend_schema(request=UserChangesSerializer, responses=UserSerializer)
    def patch(self, request: Request, pk: UUID) -> Response:
        """Change name, hospital, rights or state, based on the revision in If-Match."""
        user, revision = get_object_or_404(User, pk=pk), based_on(request)
        body = UserChangesSerializer(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        try:
            changed = services.change_user(
                actor=signed_in(request.user), user=user, based_on=revision, **body.validated_data
            )
        except StaleRevision as error:
            raise stale(request.data, UserSerializer(get_object_or_404(User, pk=pk)).data) from error
        return Response(UserSerializer(changed).data)


class UserPassword(APIView):
    """A new password for one user."""

    permission_classes = (IsAdministrator,)

    @extend_schema(request=None, responses=PasswordSerializer)
    def post(self, request: Request, pk: UUID) -> Response:
        """Set a new password and answer it once; sessions and tokens of the user end."""
        user = get_object_or_404(User, pk=pk)
        return Response({"password": services.reset_password(actor=signed_in(request.user), user=user)})


class HospitalList(generics.ListCreateAPIView[Hospital]):
    """Hospitals, searched by ``?q=``; POST creates one."""

    permission_classes = (IsAdministrator,)
    serializer_class = HospitalSerializer

    def get_queryset(self) -> QuerySet[Hospital]:
        """Return the hospitals that match the search."""
        return hospitals_matching(self.request.query_params.get("q", ""))

    def perform_create(self, serializer: BaseSerializer[Hospital]) -> None:
        """Create the hospital."""
        serializer.instance = services.create_hospital(
            actor=signed_in(self.request.user), name=serializer.validated_data["name"]
        )


class HospitalDetail(APIView):
    """One hospital."""

    permission_classes = (IsAdministrator,)

    @extend_schema(responses=HospitalSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """Answer the hospital."""
        return Response(HospitalSerializer(get_object_or_404(Hospital, pk=pk)).data)

    @extend_schema(request=HospitalSerializer, responses=HospitalSerializer)
    def patch(self, request: Request, pk: UUID) -> Response:
        """Rename the hospital, based on the revision in If-Match."""
        hospital, revision = get_object_or_404(Hospital, pk=pk), based_on(request)
        body = HospitalSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        try:
            renamed = services.rename_hospital(
                actor=signed_in(request.user),
                hospital=hospital,
                based_on=revision,
                name=body.validated_data["name"],
            )
        except StaleRevision as error:
            raise stale(request.data, HospitalSerializer(get_object_or_404(Hospital, pk=pk)).data) from error
        return Response(HospitalSerializer(renamed).data)
