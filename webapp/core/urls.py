"""Pages and API routes of the core app; ``webapp.urls`` puts them under / and /api/v1/."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver

page_urls: list[URLPattern | URLResolver] = []
api_urls: list[URLPattern | URLResolver] = []
