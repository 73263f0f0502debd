"""WebSockets: who may listen, what they hear, and that hidden results never pass."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator

from tests.webapp.conftest import World
from webapp.accounts.models import User
from webapp.accounts.services import issue_token, revoke_tokens
from webapp.analyses import live
from webapp.analyses.factories import finished_analysis, ready_series
from webapp.analyses.models import Analysis
from webapp.asgi import application
from webapp.cohorts.models import Cohort, Membership
from webapp.core.models import WorkState

pytestmark = pytest.mark.django_db(transaction=True)

NO_ANALYSIS = "/ws/analyses/00000000-0000-4000-8000-000000000000/"
OWN = (b"origin", b"http://testserver:8000")
HOST = (b"host", b"testserver:8000")
Headers = list[tuple[bytes, bytes]]


def session_of(world: World, user: User) -> Headers:
    cookie = world.as_user(user).cookies["sessionid"].value
    return [HOST, (b"cookie", f"sessionid={cookie}".encode())]


@asynccontextmanager
async def connected(path: str, headers: Headers) -> AsyncIterator[Socket | None]:
    """Open the WebSocket; None when it was refused."""
    address, _, query = path.partition("?")
    scope = {
        "type": "websocket", "path": address, "query_string": query.encode(), "headers": headers,
        "subprotocols": [], "asgi": {"version": "3.0"},
    }  # fmt: skip
    socket = Socket(application, scope)
    await socket.send_input({"type": "websocket.connect"})
    accepted = (await socket.receive_output(10))["type"] == "websocket.accept"
    if accepted:
        assert await socket.hears() == {"type": "hello"}
    yield socket if accepted else None
    await socket.send_input({"type": "websocket.disconnect", "code": 1000})
    await socket.wait(10)


class Socket(ApplicationCommunicator):
    """The browser's end of a WebSocket."""

    async def hears(self) -> dict[str, Any]:
        """Return the next message."""
        output = await self.receive_output(10)
        assert output["type"] == "websocket.send"
        message: dict[str, Any] = json.loads(output["text"])
        return message


async def is_accepted(path: str, headers: Headers) -> bool:
    async with connected(path, headers) as communicator:
        return communicator is not None


async def test_a_member_hears_of_series_and_progress_of_the_cohort(world: World) -> None:
    analysis, headers = await sync_to_async(_running)(world, world.viewer)
    async with connected("/ws/worklist/", [*headers, OWN]) as communicator:
        assert communicator is not None
        await sync_to_async(live.tell_series_changed)(analysis.revision.series)
        series = str(analysis.revision.series_id)
        assert await communicator.hears() == {"type": "series.changed", "series": series}
        await sync_to_async(live.tell_progress)(analysis)
        assert await communicator.hears() == {
            "type": "analysis.progress", "series": series, "analysis": str(analysis.pk),
            "state": "running", "stage": "Density", "progress": 0.25,
        }  # fmt: skip


async def test_a_stranger_hears_nothing_of_the_cohort(world: World) -> None:
    analysis, headers = await sync_to_async(_running)(world, world.stranger)
    async with connected("/ws/worklist/", [*headers, OWN]) as communicator:
        assert communicator is not None
        await sync_to_async(live.tell_series_changed)(analysis.revision.series)
        await sync_to_async(live.tell_progress)(analysis)
        assert await communicator.receive_nothing(0.5)


async def test_a_member_who_left_is_not_subscribed_again(world: World) -> None:
    analysis, headers = await sync_to_async(_running)(world, world.reader)
    await Membership.objects.filter(user=world.reader).adelete()
    async with connected("/ws/worklist/", [*headers, OWN]) as communicator:
        assert communicator is not None
        await sync_to_async(live.tell_progress)(analysis)
        assert await communicator.receive_nothing(0.5)


async def test_hidden_results_do_not_pass(world: World) -> None:
    def hidden() -> Analysis:
        Cohort.objects.filter(pk=world.cohort.pk).update(ai_policy="never")
        return finished_analysis(ready_series(world.cohort), infected_percent=77.7)

    analysis = await sync_to_async(hidden)()
    headers = await sync_to_async(session_of)(world, world.reader)
    async with connected("/ws/worklist/", [*headers, OWN]) as communicator:
        assert communicator is not None
        await sync_to_async(live.tell_progress)(analysis)
        told = await communicator.hears()
        assert told.keys() == {"type", "series", "analysis", "state", "stage", "progress"}


@pytest.mark.parametrize("role", ["administrator", "reader", "viewer", "stranger"])
async def test_one_analysis_is_followed_by_those_who_see_it(role: str, world: World) -> None:
    analysis, headers = await sync_to_async(_running)(world, world.user(role))
    async with connected(f"/ws/analyses/{analysis.pk}/", [*headers, OWN]) as communicator:
        assert (communicator is None) == (role == "stranger")
        if communicator:
            await sync_to_async(live.tell_progress)(analysis)
            assert (await communicator.hears())["analysis"] == str(analysis.pk)
            await sync_to_async(live.tell_preview)(analysis)
            assert await communicator.hears() == {"type": "analysis.preview", "analysis": str(analysis.pk)}


@pytest.mark.parametrize(
    ("origin", "accepted"),
    [
        (b"http://testserver:8000", True),
        (b"http://testserver:9000", False),
        (b"http://evil.example", False),
        (b"http://testserver:8000.evil.example", False),
        (b"null", False),
        (b"", False),
        (None, False),
    ],
)
async def test_a_session_opens_from_pages_of_this_site_only(
    origin: bytes | None, accepted: bool, world: World
) -> None:
    headers = await sync_to_async(session_of)(world, world.reader)
    if origin is not None:
        headers.append((b"origin", origin))
    assert await is_accepted("/ws/worklist/", headers) is accepted


async def test_a_host_that_is_not_this_site_is_refused(world: World) -> None:
    cookie = (await sync_to_async(session_of)(world, world.reader))[1]
    foreign = [(b"host", b"evil.example"), (b"origin", b"http://evil.example"), cookie]
    assert not await is_accepted("/ws/worklist/", foreign)


@pytest.mark.parametrize(
    "path", ["/ws/worklist/", "/ws/analyses/00000000-0000-0000-0000-000000000000/", "/ws/x/"]
)
async def test_nobody_and_nowhere_are_refused(path: str, world: World) -> None:
    assert not await is_accepted(path, [HOST, OWN])


async def test_a_token_opens_by_header_or_query_without_origin(world: World) -> None:
    token = (await sync_to_async(issue_token)(user=world.reader)).text
    assert await is_accepted("/ws/worklist/", [HOST, (b"authorization", f"Token {token}".encode())])
    assert await is_accepted(f"/ws/worklist/?token={token}", [HOST])
    assert not await is_accepted(f"/ws/worklist/?token={token}", [HOST, (b"origin", b"http://evil.example")])
    assert not await is_accepted("/ws/worklist/?token=wrong", [HOST])
    await sync_to_async(revoke_tokens)(user=world.reader)
    assert not await is_accepted(f"/ws/worklist/?token={token}", [HOST])


def test_work_goes_on_when_redis_is_away(world: World, settings: Any, caplog: Any) -> None:
    settings.CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": ["unix:///nowhere/valkey.sock"]},
        }
    }
    analysis, _ = _running(world, world.reader)
    live.tell_progress(analysis)
    assert "open pages could not be told" in caplog.text


def _running(world: World, user: User) -> tuple[Analysis, Headers]:
    analysis = Analysis.objects.create(
        revision=ready_series(world.cohort).current, systems=["density"],
        state=WorkState.RUNNING, stage="Density", progress=0.25,
    )  # fmt: skip
    return analysis, session_of(world, user)
