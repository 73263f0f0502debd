"""The signed-in user; cohorts and their members."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from webapp.accounts.models import User
from webapp.accounts.selectors import signed_in
from webapp.cohorts import services
from webapp.cohorts.models import Cohort, Membership
from webapp.cohorts.permissions import Action
from webapp.cohorts.selectors import cohort_for, cohorts_for, may
from webapp.cohorts.serializers import (
    CohortChangesSerializer,
    CohortSerializer,
    ManagedCohortSerializer,
    MemberSerializer,
    NewMemberSerializer,
    me,
)
from webapp.core.errors import UserError
from webapp.core.preconditions import based_on, stale
from webapp.core.revisions import StaleRevision


class MeView(APIView):
    """The signed-in user."""

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """Answer who is signed in and what they may do in which cohort."""
        return Response(me(signed_in(request.user)))


class CohortList(generics.ListCreateAPIView[Cohort]):
    """The user's cohorts; administrators add one by POST."""

    serializer_class = CohortSerializer

    def get_queryset(self) -> QuerySet[Cohort]:
        """Return the cohorts the user may see."""
        return cohorts_for(self.request.user).select_related("hospital").prefetch_related("guests")

    def perform_create(self, serializer: BaseSerializer[Cohort]) -> None:
        """Create the cohort."""
        user = signed_in(self.request.user)
        if not user.is_administrator:
            raise PermissionDenied
        serializer.instance = services.create_cohort(actor=user, **serializer.validated_data)


class CohortDetail(APIView):
    """One cohort; its members are shown to who may manage it."""

    @extend_schema(responses=ManagedCohortSerializer)
    def get(self, request: Request, slug: str) -> Response:
        """Answer the cohort."""
        return Response(_shown(request, cohort_for(request.user, slug)))

    @extend_schema(request=CohortChangesSerializer, responses=ManagedCohortSerializer)
    def patch(self, request: Request, slug: str) -> Response:
        """Change name or policy, or (administrators, alone) the guests, based on If-Match."""
        cohort = cohort_for(request.user, slug, Action.MANAGE)
        revision = based_on(request)
        body = CohortChangesSerializer(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        try:
            changed = _change(signed_in(request.user), cohort, revision, dict(body.validated_data))
        except StaleRevision as error:
            raise stale(request.data, _shown(request, cohort_for(request.user, slug))) from error
        return Response(_shown(request, changed))


def _change(user: User, cohort: Cohort, revision: int, changes: dict[str, Any]) -> Cohort:
    if "guests" not in changes:
        return services.change_cohort(actor=user, cohort=cohort, based_on=revision, **changes)
    if not user.is_administrator:
        raise PermissionDenied
    guests = changes.pop("guests")
    if changes:
        raise UserError("guests_alone", "Guests are changed alone.", "Send the other fields by themselves.")
    return services.set_guests(actor=user, cohort=cohort, based_on=revision, guests=guests)


def _shown(request: Request, cohort: Cohort) -> dict[str, Any]:
    managed = may(request.user, cohort, Action.MANAGE)
    return dict((ManagedCohortSerializer if managed else CohortSerializer)(cohort).data)


class MemberList(APIView):
    """The members of one cohort."""

    @extend_schema(request=NewMemberSerializer, responses={201: MemberSerializer})
    def post(self, request: Request, slug: str) -> Response:
        """Add a person of a hospital of this cohort."""
        cohort = cohort_for(request.user, slug, Action.MANAGE)
        body = NewMemberSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        member = services.add_member(actor=signed_in(request.user), cohort=cohort, **body.validated_data)
        return Response(MemberSerializer(member).data, status=status.HTTP_201_CREATED)


class MemberDetail(APIView):
    """One member of one cohort."""

    @extend_schema(request=MemberSerializer, responses=MemberSerializer)
    def patch(self, request: Request, slug: str, pk: UUID) -> Response:
        """Change the role, based on If-Match."""
        member, revision = _member(request, slug, pk), based_on(request)
        body = MemberSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        try:
            changed = services.change_member(
                actor=signed_in(request.user),
                membership=member,
                based_on=revision,
                role=body.validated_data["role"],
            )
        except StaleRevision as error:
            raise stale(request.data, MemberSerializer(_member(request, slug, pk)).data) from error
        return Response(MemberSerializer(changed).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str, pk: UUID) -> Response:
        """Take the person out of the cohort."""
        services.remove_member(actor=signed_in(request.user), membership=_member(request, slug, pk))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _member(request: Request, slug: str, pk: UUID) -> Membership:
    cohort = cohort_for(request.user, slug, Action.MANAGE)
    return get_object_or_404(cohort.memberships.select_related("user"), pk=pk)
