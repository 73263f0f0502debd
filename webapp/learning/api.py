"""Training labels over HTTP."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from rest_framework import generics

from webapp.cohorts.permissions import Action
from webapp.cohorts.selectors import cohorts_for
from webapp.learning.models import TrainingLabel
from webapp.learning.selectors import labels_for
from webapp.learning.serializers import TrainingLabelSerializer


class CohortLabels(generics.ListAPIView[TrainingLabel]):
    """What the signed readings of a cohort teach, for those who may export it."""

    serializer_class = TrainingLabelSerializer

    def get_queryset(self) -> QuerySet[TrainingLabel]:
        """Return the labels of the cohort of the address."""
        cohort = get_object_or_404(cohorts_for(self.request.user), slug=self.kwargs["slug"])
        if not cohorts_for(self.request.user, Action.EXPORT).filter(pk=cohort.pk).exists():
            raise PermissionDenied
        return labels_for(self.request.user, cohort)
