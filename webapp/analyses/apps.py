"""Django app configuration."""

from __future__ import annotations

from django.apps import AppConfig


class AnalysesConfig(AppConfig):
    """The analyses app."""

    name = "webapp.analyses"
    default_auto_field = "django.db.models.BigAutoField"
