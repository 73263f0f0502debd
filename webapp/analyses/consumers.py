"""WebSockets: open pages hear that something changed and fetch the rest over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer

from webapp.accounts.models import User
from webapp.analyses.live import analysis_group, cohort_group
from webapp.analyses.selectors import analyses_for
from webapp.cohorts.selectors import cohorts_for


class GroupConsumer(AsyncJsonWebsocketConsumer):  # type: ignore[misc]
    """Sends what the groups of this connection are told. Refuses people who may hear of nothing."""

    async def connect(self) -> None:
        """Accept a signed-in user and subscribe to the groups they belong to now."""
        user = self.scope["user"]
        groups = await database_sync_to_async(self.groups_for)(user) if isinstance(user, User) else None
        if groups is None:
            await self.close()
            return
        self.groups = groups
        for group in groups:
            await self.channel_layer.group_add(group, self.channel_name)
        await self.accept()
        await self.send_json({"type": "hello"})

    def groups_for(self, user: User) -> list[str] | None:
        """Return the groups this user may hear; None refuses the connection."""
        raise NotImplementedError

    async def told(self, event: dict[str, Any]) -> None:
        """Pass on what the group was told."""
        await self.send_json(event["message"])

    async def receive(self, *args: Any, **kwargs: Any) -> None:
        """Ignore what the page sends: it has nothing to say here."""


class WorklistConsumer(GroupConsumer):
    """/ws/worklist/: series and analyses of all cohorts of the user."""

    def groups_for(self, user: User) -> list[str] | None:
        """Return one group per cohort."""
        return [cohort_group(pk) for pk in cohorts_for(user).values_list("pk", flat=True)]


class AnalysisConsumer(GroupConsumer):
    """/ws/analyses/{id}/: the progress of one analysis."""

    def groups_for(self, user: User) -> list[str] | None:
        """Return the group of the analysis, if the user may see it."""
        analysis: UUID = self.scope["url_route"]["kwargs"]["analysis_id"]
        return [analysis_group(analysis)] if analyses_for(user).filter(pk=analysis).exists() else None
