"""Django app configuration."""

from __future__ import annotations

from django.apps import AppConfig


class CohortsConfig(AppConfig):
    """The cohorts app."""

    name = "webapp.cohorts"
    default_auto_field = "django.db.models.BigAutoField"
