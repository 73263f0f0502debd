"""Django app configuration."""

from __future__ import annotations

from django.apps import AppConfig


class LearningConfig(AppConfig):
    """The learning app."""

    name = "webapp.learning"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen to signatures."""
        from webapp.learning import listeners

        listeners.connect()
