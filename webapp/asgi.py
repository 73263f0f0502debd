"""The ASGI application: HTTP through Django, WebSockets through Channels."""

from __future__ import annotations

import os

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings.base")
http = get_asgi_application()

from webapp.analyses.routing import websockets  # noqa: E402 - the apps must be loaded first

application = ProtocolTypeRouter({"http": http, "websocket": websockets})
