"""Django app configuration."""

from __future__ import annotations

from django.apps import AppConfig


class AnalysesConfig(AppConfig):
    """The analyses app. Listens to what imaging tells: new series are analysed, open pages are told."""

    name = "webapp.analyses"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect to imaging's signals."""
        from webapp.analyses import listeners

        listeners.connect()
