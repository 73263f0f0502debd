"""What the imaging app tells the floors above it. Sent after commit."""

from __future__ import annotations

from django.dispatch import Signal

series_completed = Signal()
"""A revision was checked and can be measured. Arguments: ``revision`` (SeriesRevision)."""

series_changed = Signal()
"""Something that the worklist shows has changed. Arguments: ``series`` (Series)."""
