"""Django app configuration."""

from __future__ import annotations

from django.apps import AppConfig


class PatientsConfig(AppConfig):
    """The patients app."""

    name = "webapp.patients"
    default_auto_field = "django.db.models.BigAutoField"
