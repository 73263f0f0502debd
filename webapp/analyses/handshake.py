"""Who may open a WebSocket: a session from our own pages, or a token; never another site's page."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from channels.auth import AuthMiddlewareStack
from channels.db import database_sync_to_async
from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http.request import split_domain_port, validate_host
from knox.auth import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed

from webapp.accounts.models import User


class Handshake:
    """ASGI middleware. Puts ``user`` into the scope, or refuses the connection.

    A browser always names the page's Origin, so a foreign or "null" one is refused, whatever else is sent.
    Without Origin (a program, no browser) only a token opens the door, as a session cookie is sent unasked.
    """

    def __init__(self, application: Any) -> None:
        self.by_token = application
        self.by_session = AuthMiddlewareStack(application)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        """Serve one connection."""
        headers = {name.decode("latin1"): value.decode("latin1") for name, value in scope["headers"]}
        origin, token = headers.get("origin"), _token(scope, headers)
        if origin is not None and not is_own_page(origin, headers.get("host", "")):
            return await WebsocketDenier()(scope, receive, send)
        if token:
            user = await database_sync_to_async(_user_of)(token)
            return await self.by_token({**scope, "user": user}, receive, send)
        if origin is None:
            return await WebsocketDenier()(scope, receive, send)
        return await self.by_session(scope, receive, send)


def is_own_page(origin: str, host: str) -> bool:
    """Tell whether ``origin`` is this site: the host that was asked for, or one the administrator trusts."""
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    parts = urlsplit(origin)
    domain, _ = split_domain_port(host)
    is_ours = bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)
    return is_ours and parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


def _token(scope: dict[str, Any], headers: dict[str, str]) -> str:
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "token" and given:
        return given.strip()
    asked: bytes = scope.get("query_string", b"")
    return parse_qs(asked.decode("latin1")).get("token", [""])[0]


def _user_of(token: str) -> User | AnonymousUser:
    try:
        user, _ = TokenAuthentication().authenticate_credentials(token.encode())
    except AuthenticationFailed:
        return AnonymousUser()
    return user if isinstance(user, User) else AnonymousUser()
