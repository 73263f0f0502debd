"""Pages and API routes of the reports app; ``webapp.urls`` puts them under / and /api/v1/."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from webapp.reports import api, views

page_urls: list[URLPattern | URLResolver] = [
    path("", views.home, name="home"),
    path("worklist/", views.worklist, name="worklist-page"),
    path("worklist/rows/", views.worklist_fresh, name="worklist-rows"),
    path("cohorts/", views.cohorts, name="cohorts-page"),
    path("cohorts/<slug:slug>/", views.cohort, name="cohort-page"),
]
api_urls: list[URLPattern | URLResolver] = [
    path("worklist/", api.Worklist.as_view(), name="worklist"),
    path("cohorts/<slug:slug>/table/", api.CohortTable.as_view(), name="cohort-table"),
    path("cohorts/<slug:slug>/statistics/", api.CohortStatistics.as_view(), name="cohort-statistics"),
    path("cohorts/<slug:slug>/export.csv", api.CohortExport.as_view(), name="cohort-export"),
    path(
        "cohorts/<slug:slug>/data-dictionary.csv",
        api.DataDictionary.as_view(),
        name="cohort-data-dictionary",
    ),
]
