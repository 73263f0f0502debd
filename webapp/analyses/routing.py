"""The WebSocket addresses, behind the handshake that refuses other sites and strangers."""

from __future__ import annotations

from channels.routing import URLRouter
from channels.security.websocket import WebsocketDenier
from django.urls import path, re_path

from webapp.analyses.consumers import AnalysisConsumer, WorklistConsumer
from webapp.analyses.handshake import Handshake

websockets = Handshake(
    URLRouter(
        [
            path("ws/worklist/", WorklistConsumer.as_asgi()),
            path("ws/analyses/<uuid:analysis_id>/", AnalysisConsumer.as_asgi()),
            re_path(r"", WebsocketDenier.as_asgi()),
        ]
    )
)
