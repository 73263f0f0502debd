"""Who may do what in a cohort: one table for pages, API, streams and WebSockets."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from webapp.cohorts.models import Role


class Action(StrEnum):
    """What a person can do in a cohort."""

    VIEW = "view"
    UPLOAD = "upload"
    ANALYSE = "analyse"
    READ = "read"
    EXPORT = "export"
    MANAGE = "manage"


ROLES_FOR: Mapping[Action, frozenset[Role]] = {
    Action.VIEW: frozenset(Role),
    Action.UPLOAD: frozenset({Role.READER, Role.LEAD, Role.DATA_MANAGER}),
    Action.ANALYSE: frozenset({Role.READER, Role.LEAD, Role.DATA_MANAGER}),
    Action.READ: frozenset({Role.READER, Role.LEAD}),
    Action.EXPORT: frozenset({Role.LEAD, Role.DATA_MANAGER}),
    Action.MANAGE: frozenset({Role.LEAD}),
}
"""Roles that may do it. Administrators may do everything everywhere."""
