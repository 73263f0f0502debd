"""Django app configuration."""

from __future__ import annotations

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """The core app."""

    name = "webapp.core"
    default_auto_field = "django.db.models.BigAutoField"
