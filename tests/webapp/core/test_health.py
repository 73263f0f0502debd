from __future__ import annotations

from pathlib import Path

import pytest
from django.db import OperationalError, connection
from django.test import Client
from pytest_django import Settings
from rq import Queue, Worker

from webapp.core import health, wakeups

pytestmark = pytest.mark.django_db


def test_healthz_answers_without_database_or_sign_in(client: Client) -> None:
    response = client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_readyz_is_ready_but_shows_missing_workers_as_degraded(client: Client) -> None:
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"database": "ok", "storage": "ok", "redis": "ok", "workers": "degraded"}


def test_readyz_shows_workers_as_ok_once_every_queue_has_one(client: Client) -> None:
    queues = [Queue(name, connection=wakeups.connection()) for name in health.needed_queues()]
    worker = Worker(queues, connection=wakeups.connection())
    worker.register_birth()
    try:
        assert client.get("/readyz").json()["workers"] == "ok"
    finally:
        worker.register_death()


def test_readyz_stays_ready_without_redis(client: Client, settings: Settings) -> None:
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"database": "ok", "storage": "ok", "redis": "degraded", "workers": "degraded"}


def test_readyz_is_503_when_the_storage_takes_no_file(
    client: Client, settings: Settings, tmp_path: Path
) -> None:
    blocked = tmp_path / "data"
    blocked.write_text("a file where the folder should be")
    settings.LUNGSIGHT_DATA = blocked
    response = client.get("/readyz")
    assert (response.status_code, response.json()["storage"]) == (503, "failed")


def test_readyz_is_503_when_the_database_does_not_answer(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(connection, "cursor", refuse)
    response = client.get("/readyz")
    assert (response.status_code, response.json()["database"]) == (503, "failed")
