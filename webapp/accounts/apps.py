"""Django app configuration."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """The accounts app."""

    name = "webapp.accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect the receiver that dates sessions."""
        import_module("webapp.accounts.sessions")
