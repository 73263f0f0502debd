"""Pages and API routes of the learning app; ``webapp.urls`` puts them under / and /api/v1/."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from webapp.learning import api

page_urls: list[URLPattern | URLResolver] = []
api_urls: list[URLPattern | URLResolver] = [
    path("cohorts/<slug:slug>/labels/", api.CohortLabels.as_view(), name="cohort-labels"),
]
