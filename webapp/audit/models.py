"""The audit trail: who did what to which row, appended in the transaction of the change."""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

from django.db import models


class AppendOnly(Exception):
    """Somebody tried to change or delete what may only be added to."""


class AppendOnlyQuerySet(models.QuerySet[Any]):
    """Rows that can be read and added, nothing else."""

    def update(self, **changes: Any) -> NoReturn:
        """Refuse."""
        raise AppendOnly(self.model.__name__)

    def delete(self) -> NoReturn:
        """Refuse."""
        raise AppendOnly(self.model.__name__)

    def bulk_update(self, *rows: Any, **options: Any) -> NoReturn:
        """Refuse."""
        raise AppendOnly(self.model.__name__)


class AppendOnlyRow(models.Model):
    """A row that is written once."""

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, **options: Any) -> None:
        """Write a new row; refuse to write an old one again."""
        if not self._state.adding:
            raise AppendOnly(str(self.pk))
        super().save(**options)

    def delete(self, *args: Any, **options: Any) -> NoReturn:
        """Refuse."""
        raise AppendOnly(str(self.pk))


class Outcome(models.TextChoices):
    """How it ended."""

    DONE = "done"
    REFUSED = "refused"


class AuditEvent(AppendOnlyRow):
    """One event. Keys are public ids: names and addresses live in rows that can be erased."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(auto_now_add=True)
    actor_key = models.CharField(max_length=36, default="", blank=True, help_text="Public id of the actor.")
    address = models.CharField(
        max_length=45, default="", blank=True, help_text="Network address of the request."
    )
    action = models.CharField(max_length=60)
    outcome = models.CharField(max_length=8, choices=Outcome, default=Outcome.DONE)
    target_type = models.CharField(max_length=60, default="", blank=True)
    target_key = models.CharField(max_length=64, default="", blank=True)
    details = models.JSONField(default=dict)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["target_type", "target_key"]),
            models.Index(fields=["action", "at"]),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.target_type} {self.target_key}"


class Seal(AppendOnlyRow):
    """One link of the hash chain over the events, in the order in which they were sealed."""

    position = models.PositiveBigIntegerField(primary_key=True)
    event = models.OneToOneField(AuditEvent, on_delete=models.PROTECT, related_name="seal")
    digest = models.CharField(max_length=64)

    class Meta:
        ordering: ClassVar = ["position"]

    def __str__(self) -> str:
        return f"{self.position} {self.digest[:12]}"
