"""Keys that apps above add to a series in the API, so that imaging need not know them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser

from webapp.accounts.models import User
from webapp.imaging.models import Series

SeriesPart = Callable[[Sequence[Series], User | AnonymousUser], Mapping[UUID, Any]]
"""Gives the value of each series that has one, by its id, as far as the user may see it."""

series_parts: dict[str, SeriesPart] = {}
"""By key of the JSON. An app fills in its own from ``AppConfig.ready``."""


def parts_of(series: Sequence[Series], user: User | AnonymousUser) -> dict[UUID, dict[str, Any]]:
    """Return the added keys of every series, with one call per part."""
    found: dict[UUID, dict[str, Any]] = {row.pk: {} for row in series}
    for key, part in series_parts.items():
        for pk, value in part(series, user).items():
            found[pk][key] = value
    return found
