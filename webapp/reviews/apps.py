"""Django app configuration."""

from __future__ import annotations

from django.apps import AppConfig


class ReviewsConfig(AppConfig):
    """The reviews app."""

    name = "webapp.reviews"
    default_auto_field = "django.db.models.BigAutoField"
