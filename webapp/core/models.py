"""What rows of every app share: public ids, revisions, stored blobs, and work with a lease."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models


class Row(models.Model):
    """A row with a public id and its times."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


class RevisedRow(Row):
    """An editable row. Every change names the revision it was based on (``core.revisions``)."""

    revision = models.PositiveIntegerField(default=1)

    class Meta:
        abstract = True


class Blob(models.Model):
    """Bytes in the store, known by their hash. Shared below the rows: nothing about who may see them."""

    sha256 = models.CharField(max_length=64, primary_key=True)
    size = models.PositiveBigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.sha256[:12]


class WorkState(models.TextChoices):
    """States of a piece of work; the allowed moves stand in ``core.work.TRANSITIONS``."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Work(Row):
    """Work for a worker: the row is the truth, the queue only wakes workers up.

    A worker holds the row by a lease and an attempt number; a writer whose attempt is not the row's
    current one is fenced out.
    """

    QUEUE: ClassVar[str]
    READY: ClassVar[models.Q] = models.Q()
    """Which queued rows may be claimed at all; the others still wait for something else."""

    state = models.CharField(max_length=10, choices=WorkState, default=WorkState.QUEUED, db_index=True)
    priority = models.SmallIntegerField(default=0, help_text="Higher goes first.")
    attempt = models.PositiveSmallIntegerField(default=0)
    tries_left = models.PositiveSmallIntegerField(default=2)
    lease_until = models.DateTimeField(null=True)
    worker = models.CharField(max_length=120, default="", blank=True)
    stage = models.CharField(max_length=60, default="", blank=True)
    progress = models.FloatField(default=0.0)
    queued_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    error_code = models.CharField(max_length=60, default="", blank=True)
    error_message = models.TextField(default="", blank=True)
    error_hint = models.TextField(default="", blank=True)
    error_reference = models.CharField(max_length=36, default="", blank=True)

    class Meta:
        abstract = True
        indexes: ClassVar = [models.Index(fields=["state", "-priority", "queued_at"])]
