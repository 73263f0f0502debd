"""Django app configuration."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """The audit app."""

    name = "webapp.audit"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect the receivers of sign-in signals."""
        import_module("webapp.audit.signin")
