"""Django app configuration."""

from __future__ import annotations

from django.apps import AppConfig


class AnalysesConfig(AppConfig):
    """The analyses app: new series are analysed, open pages are told, series name their analyses."""

    name = "webapp.analyses"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect to imaging's signals, and add ``analyses`` to a series in the API."""
        from webapp.analyses import listeners
        from webapp.analyses.serializers import analyses_of_series
        from webapp.imaging.extensions import series_parts

        listeners.connect()
        series_parts["analyses"] = analyses_of_series
