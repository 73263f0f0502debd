"""Pages of the imaging app: sending files and reading what became of them."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from webapp.cohorts.permissions import Action
from webapp.cohorts.selectors import cohorts_for
from webapp.core.spreadsheets import csv_response
from webapp.core.words import RESEARCH_USE
from webapp.imaging.selectors import uploads_for
from webapp.imaging.upload_report import report_of

RECENT = 10


@require_safe
@login_required
@never_cache
@ensure_csrf_cookie
def upload_page(request: HttpRequest) -> HttpResponse:
    """Show the place to drop files, and this person's last uploads."""
    return render(
        request,
        "imaging/upload.html",
        {"cohorts": cohorts_for(request.user, Action.UPLOAD), "recent": uploads_for(request.user)[:RECENT]},
    )


@require_safe
@login_required
@never_cache
def upload_report(request: HttpRequest, upload_id: UUID) -> HttpResponse:
    """Show what became of every file of one's own upload; with ``?fragment`` only that part of the page."""
    report = report_of(get_object_or_404(uploads_for(request.user), pk=upload_id))
    template = "imaging/upload_lines.html" if "fragment" in request.GET else "imaging/upload_report.html"
    return render(request, template, {"report": report})


@require_safe
@login_required
@never_cache
def upload_csv(request: HttpRequest, upload_id: UUID) -> HttpResponse:
    """Return the report as CSV, one row per file."""
    report = report_of(get_object_or_404(uploads_for(request.user), pk=upload_id))
    rows = (
        (
            file.name,
            line.series.pk if line.series else "",
            line.word,
            line.sentence,
            file.outcome,
            file.reason,
            RESEARCH_USE,
        )
        for line in report.lines
        for file in line.files
    )
    header = ("file", "series", "state", "what_happened", "outcome", "reason", "notice")
    return csv_response(f"upload-{upload_id}.csv", header, rows)
