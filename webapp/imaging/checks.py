"""What a check worker's child does: open untrusted files, decode pixels, judge the geometry."""

from __future__ import annotations

from collections.abc import Callable

from webapp.imaging.models import SeriesRevision, Upload

Keep = Callable[[str, float], None]
"""``keep(stage, progress 0..1)`` renews the lease; it may raise (lease lost, cancelled, stopped)."""


def check_upload(upload: Upload, keep: Keep) -> None:
    """Unpack archives, sort NIfTI, make a revision of every series that got new instances.

    ``upload`` is the row as claimed (``core.work.claim``). Ends the work itself (``core.work.finish``).
    Raises LostLease when another worker owns the row; anything else it raises is left to the worker.
    """
    raise NotImplementedError


def check_revision(revision: SeriesRevision, keep: Keep) -> None:
    """Decode the revision to a volume, judge it, store the stream for the viewer, end the work.

    ``revision`` is the row as claimed. A series that cannot be used is a result, not an error: the work
    succeeds and the series says why. Raises LostLease when another worker owns the row; anything else it
    raises is left to the worker.
    """
    raise NotImplementedError
