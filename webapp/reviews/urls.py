"""Pages and API routes of the reviews app; ``webapp.urls`` puts them under / and /api/v1/."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from webapp.reviews import api, views

page_urls: list[URLPattern | URLResolver] = [
    path("series/<uuid:series_id>/", views.viewer, name="viewer"),
]
api_urls: list[URLPattern | URLResolver] = [
    path("series/<uuid:series_id>/readings/", api.SeriesReadings.as_view(), name="series-readings"),
    path("readings/<uuid:reading_id>/", api.OneReading.as_view(), name="reading"),
    path("readings/<uuid:reading_id>/reveal/", api.Reveal.as_view(), name="reading-reveal"),
    path("readings/<uuid:reading_id>/use-analysis/", api.UseAnalysis.as_view(), name="reading-use-analysis"),
    path("readings/<uuid:reading_id>/sign/", api.Sign.as_view(), name="reading-sign"),
    path("readings/<uuid:reading_id>/addenda/", api.Addenda.as_view(), name="reading-addenda"),
    path("readings/<uuid:reading_id>/regions/", api.OwnRegions.as_view(), name="reading-regions"),
    path(
        "readings/<uuid:reading_id>/regions/<uuid:region_id>/",
        api.OneOwnRegion.as_view(),
        name="reading-region",
    ),
    path("readings/<uuid:reading_id>/regions/<uuid:region_id>/mask", api.Mask.as_view(), name="reading-mask"),
]
