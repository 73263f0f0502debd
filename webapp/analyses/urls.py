"""Pages and API routes of the analyses app; ``webapp.urls`` puts them under / and /api/v1/."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from webapp.analyses import api, views

page_urls: list[URLPattern | URLResolver] = [path("methods/", views.methods, name="methods")]
api_urls: list[URLPattern | URLResolver] = [
    path("systems/", api.Systems.as_view(), name="systems"),
    path("series/<uuid:series_id>/analyses/", api.SeriesAnalyses.as_view(), name="series-analyses"),
    path("analyses/<uuid:analysis_id>/", api.OneAnalysis.as_view(), name="analysis"),
    path("analyses/<uuid:analysis_id>/cancel/", api.Cancel.as_view(), name="analysis-cancel"),
    path("analyses/<uuid:analysis_id>/retry/", api.Retry.as_view(), name="analysis-retry"),
    path("analyses/<uuid:analysis_id>/regions/", api.Regions.as_view(), name="analysis-regions"),
    path("analyses/<uuid:analysis_id>/regions/labels", api.RegionLabels.as_view(), name="analysis-labels"),
    path("analyses/<uuid:analysis_id>/heatmaps/", api.Heatmaps.as_view(), name="analysis-heatmaps"),
    path(
        "analyses/<uuid:analysis_id>/heatmaps/<uuid:heatmap_id>/data",
        api.HeatmapData.as_view(),
        name="analysis-heatmap-data",
    ),
    path("analyses/<uuid:analysis_id>/previews/", api.Previews.as_view(), name="analysis-previews"),
    path(
        "analyses/<uuid:analysis_id>/previews/<uuid:preview_id>/data",
        api.PreviewData.as_view(),
        name="analysis-preview-data",
    ),
    path(
        "analyses/<uuid:analysis_id>/segmentations/<slug:kind>",
        api.Segmentation.as_view(),
        name="analysis-segmentation",
    ),
]
