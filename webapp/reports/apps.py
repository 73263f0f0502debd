"""Django app configuration."""

from __future__ import annotations

from django.apps import AppConfig


class ReportsConfig(AppConfig):
    """The reports app."""

    name = "webapp.reports"
    default_auto_field = "django.db.models.BigAutoField"
