"""What every page says about the site itself."""

from __future__ import annotations

from django.conf import settings
from django.db import connection
from django.http import HttpRequest

from webapp.core.words import DEMO_DATABASE, RESEARCH_USE


def banner(request: HttpRequest) -> dict[str, str]:
    """Return ``research_use``, ``demo_banner`` (empty on PostgreSQL) and ``version`` for templates."""
    return {
        "research_use": RESEARCH_USE,
        "demo_banner": DEMO_DATABASE if connection.vendor == "sqlite" else "",
        "version": settings.LUNGSIGHT_VERSION,
    }
