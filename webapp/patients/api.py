"""Patients for administrators."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from webapp.accounts.permissions import IsAdministrator
from webapp.accounts.selectors import signed_in
from webapp.core.preconditions import based_on, stale
from webapp.core.revisions import StaleRevision
from webapp.patients.models import Patient
from webapp.patients.selectors import patients_matching
from webapp.patients.serializers import ManagedPatientSerializer
from webapp.patients.services import change_patient


class PatientList(generics.ListAPIView[Patient]):
    """Patients, searched by ``?q=`` in the pseudonym."""

    permission_classes = (IsAdministrator,)
    serializer_class = ManagedPatientSerializer

    def get_queryset(self) -> QuerySet[Patient]:
        """Return the patients that match the search."""
        return patients_matching(self.request.query_params.get("q", ""))


class PatientDetail(APIView):
    """One patient."""

    permission_classes = (IsAdministrator,)

    @extend_schema(responses=ManagedPatientSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """Answer the patient."""
        return Response(ManagedPatientSerializer(get_object_or_404(Patient, pk=pk)).data)

    @extend_schema(request=ManagedPatientSerializer, responses=ManagedPatientSerializer)
    def patch(self, request: Request, pk: UUID) -> Response:
        """Change pseudonym, sex or date of birth, based on the revision in If-Match."""
        patient, revision = get_object_or_404(Patient, pk=pk), based_on(request)
        body = ManagedPatientSerializer(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        try:
            changed = change_patient(
                actor=signed_in(request.user), patient=patient, based_on=revision, **body.validated_data
            )
        except StaleRevision as error:
            theirs = ManagedPatientSerializer(get_object_or_404(Patient, pk=pk)).data
            raise stale(request.data, theirs) from error
        return Response(ManagedPatientSerializer(changed).data)
