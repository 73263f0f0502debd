"""Cohorts and the people who get access through them."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from webapp.accounts.models import Hospital
from webapp.core.models import RevisedRow


class AIPolicy(models.TextChoices):
    """When readers of a cohort see what the systems found."""

    AT_ONCE = "at_once"
    AFTER_FIRST_ANSWERS = "after_first_answers"
    NEVER = "never"


class Role(models.TextChoices):
    """What a member may do; the table stands in ``cohorts.permissions``."""

    VIEWER = "viewer"
    READER = "reader"
    LEAD = "lead"
    DATA_MANAGER = "data_manager"


class Cohort(RevisedRow):
    """Named set of studies. It belongs to a hospital and spans others only by explicit grant."""

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=200)
    hospital = models.ForeignKey(Hospital, on_delete=models.PROTECT, related_name="cohorts")
    guests = models.ManyToManyField(Hospital, blank=True, related_name="guest_cohorts")
    ai_policy = models.CharField(max_length=20, choices=AIPolicy, default=AIPolicy.AT_ONCE)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Membership(RevisedRow):
    """One person's role in one cohort."""

    cohort = models.ForeignKey(Cohort, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=12, choices=Role)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["cohort", "user"], name="one_role_per_cohort")]

    def __str__(self) -> str:
        return f"{self.user} {self.role} {self.cohort}"
