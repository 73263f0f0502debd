"""The audit trail: who did what to which row, appended in the transaction of the change."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class AuditEvent(models.Model):
    """One event. ``id`` is the order; ``seal`` chains events once the reconciler has sealed them."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(auto_now_add=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    actor_key = models.CharField(max_length=36, default="", blank=True, help_text="Public id of the actor.")
    action = models.CharField(max_length=60)
    target_type = models.CharField(max_length=60, default="", blank=True)
    target_key = models.CharField(max_length=64, default="", blank=True)
    details = models.JSONField(default=dict)
    seal = models.CharField(max_length=64, default="", blank=True)

    class Meta:
        indexes = [models.Index(fields=["target_type", "target_key"]), models.Index(fields=["action", "at"])]

    def __str__(self) -> str:
        return f"{self.action} {self.target_type} {self.target_key}"
