"""A cohort's table as CSV, and the dictionary of its columns."""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

from webapp.accounts.models import User
from webapp.audit.services import record
from webapp.cohorts.models import Cohort
from webapp.core.spreadsheets import safe_cell
from webapp.reports.columns import COLUMNS
from webapp.reports.selectors import cohort_table, cohort_table_rows

ROWS_AT_ONCE = 200
DICTIONARY_HEADER = ("column", "unit", "values", "meaning")


def export_cohort(*, user: User, cohort: Cohort) -> Iterator[str]:
    """Return the CSV text of a cohort's table in pieces, and write the export into the audit trail."""
    lines = cohort_table(user, cohort)
    record(actor=user, action="cohort.exported", target=cohort, details={"rows": len(lines)})
    return _table(user, lines)


def data_dictionary() -> Iterator[str]:
    """Return the CSV text that explains every column of the export."""
    rows = [(column.name, column.unit, column.values, column.meaning) for column in COLUMNS]
    yield csv_text([DICTIONARY_HEADER, *rows])


def csv_text(rows: Iterable[Sequence[Any]]) -> str:
    """Return rows as CSV in which no cell starts a formula."""
    text = io.StringIO()
    csv.writer(text).writerows([safe_cell(_plain(cell)) for cell in row] for row in rows)
    return text.getvalue()


def download(request: HttpRequest, name: str, pieces: Iterator[str]) -> StreamingHttpResponse:
    """Return the pieces as a CSV file to be saved as ``name``, streamed under ASGI and WSGI."""
    under_asgi = isinstance(request, ASGIRequest)
    return StreamingHttpResponse(
        _in_threads(pieces) if under_asgi else pieces,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def _table(user: User, lines: Sequence[Any]) -> Iterator[str]:
    yield csv_text([[column.name for column in COLUMNS]])
    for start in range(0, len(lines), ROWS_AT_ONCE):
        rows = cohort_table_rows(user, lines[start : start + ROWS_AT_ONCE])
        yield csv_text([column.value(row) for column in COLUMNS] for row in rows)


def _plain(cell: Any) -> Any:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, datetime.date | datetime.datetime):
        return cell.isoformat()
    return cell


async def _in_threads(pieces: Iterator[str]) -> AsyncIterator[str]:
    """Ask the database in a thread, so that other requests are served meanwhile."""
    while piece := await sync_to_async(_next)(pieces):
        yield piece


def _next(pieces: Iterator[str]) -> str:
    return next(pieces, "")
