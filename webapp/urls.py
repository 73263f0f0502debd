"""All routes of the site. Each app lists its own pages and API routes."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from webapp.accounts import urls as accounts
from webapp.analyses import urls as analyses
from webapp.audit import urls as audit
from webapp.cohorts import urls as cohorts
from webapp.core import urls as core
from webapp.imaging import urls as imaging
from webapp.learning import urls as learning
from webapp.patients import urls as patients
from webapp.reports import urls as reports
from webapp.reviews import urls as reviews

APPS = (core, audit, accounts, cohorts, patients, imaging, analyses, reviews, learning, reports)

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path(
        "api/docs/",
        SpectacularSwaggerSplitView.as_view(url_name="schema", template_name="core/api_docs.html"),
        name="docs",
    ),
    path("api/v1/", include([route for app in APPS for route in app.api_urls])),
    *[route for app in APPS for route in app.page_urls],
]

handler400 = "webapp.core.views.bad_request"
handler403 = "webapp.core.views.forbidden"
handler404 = "webapp.core.views.not_found"
handler500 = "webapp.core.views.our_fault"
