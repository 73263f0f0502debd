"""Pages and API routes of the imaging app; ``webapp.urls`` puts them under / and /api/v1/."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from webapp.imaging import views

page_urls: list[URLPattern | URLResolver] = [
    path("upload/", views.upload_page, name="upload"),
    path("upload/<uuid:upload_id>/", views.upload_report, name="upload-report"),
    path("upload/<uuid:upload_id>/report.csv", views.upload_csv, name="upload-csv"),
]
api_urls: list[URLPattern | URLResolver] = []
