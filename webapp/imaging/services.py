"""Writes of the imaging app. Every way in (browser, API, command line) goes through ``receive``."""

from __future__ import annotations

from webapp.imaging.checks import Keep, check_revision, check_upload

__all__ = ["Keep", "check_revision", "check_upload", "complete_idle_uploads", "settle_failed_checks"]


def complete_idle_uploads() -> int:
    """Complete uploads that stopped in the middle; return how many. The reconciler calls it."""
    raise NotImplementedError


def settle_failed_checks() -> int:
    """Tell series and files whose check was given up; return how many. The reconciler calls it."""
    raise NotImplementedError
