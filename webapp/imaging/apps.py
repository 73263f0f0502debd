"""Django app configuration."""

from __future__ import annotations

from django.apps import AppConfig


class ImagingConfig(AppConfig):
    """The imaging app."""

    name = "webapp.imaging"
    default_auto_field = "django.db.models.BigAutoField"
