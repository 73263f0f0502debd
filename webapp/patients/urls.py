"""Pages and API routes of the patients app; ``webapp.urls`` puts them under / and /api/v1/."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from webapp.patients import api, views

page_urls: list[URLPattern | URLResolver] = [
    path("manage/patients/", views.patients, name="manage-patients"),
    path("manage/patients/<uuid:pk>/", views.patient, name="manage-patient"),
]
api_urls: list[URLPattern | URLResolver] = [
    path("patients/", api.PatientList.as_view(), name="patients"),
    path("patients/<uuid:pk>/", api.PatientDetail.as_view(), name="patient"),
]
