"""Pages and API routes of the imaging app; ``webapp.urls`` puts them under / and /api/v1/."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from webapp.imaging import api, upload_api, views

page_urls: list[URLPattern | URLResolver] = [
    path("upload/", views.upload_page, name="upload-page"),
    path("upload/<uuid:upload_id>/", views.upload_report, name="upload-report"),
    path("upload/<uuid:upload_id>/report.csv", views.upload_csv, name="upload-csv"),
]
api_urls: list[URLPattern | URLResolver] = [
    path("uploads/", upload_api.UploadsView.as_view(), name="uploads"),
    path("uploads/<uuid:upload_id>/", upload_api.UploadView.as_view(), name="upload-detail"),
    path("uploads/<uuid:upload_id>/files/", upload_api.UploadFilesView.as_view(), name="upload-files"),
    path(
        "uploads/<uuid:upload_id>/complete/", upload_api.UploadCompleteView.as_view(), name="upload-complete"
    ),
    path("studies/", api.StudiesView.as_view(), name="studies"),
    path("studies/<uuid:study_id>/", api.StudyView.as_view(), name="study"),
    path("series/<uuid:series_id>/", api.SeriesView.as_view(), name="series"),
    path("series/<uuid:series_id>/override/", api.OverrideView.as_view(), name="series-override"),
    path("series/<uuid:series_id>/volume", api.VolumeView.as_view(), name="series-volume"),
]
