"""What the learning app does when something happens on the floors below."""

from __future__ import annotations

from typing import Any

from webapp.learning.services import make_labels
from webapp.reviews.models import Reading
from webapp.reviews.signals import reading_signed


def connect() -> None:
    """Listen. Called once, when the site starts."""
    reading_signed.connect(_signed, dispatch_uid="learning.reading_signed")


def _signed(reading: Reading, **_: Any) -> None:
    make_labels(reading=reading)
