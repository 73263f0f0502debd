"""``manage.py run``: start, work, stop, start again, and one sentence for what is wrong."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.webapp.supervisor.conftest import PARTS, Connection, Site, command_of, descendants, wait_for

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

StartSite = Callable[..., Site]
LONGEST_SOCKET = 107
"""Bytes of the path of a Unix socket on Linux: unix(7)."""


def test_it_starts_on_empty_data_reads_a_chest_ct_stops_and_starts_again(
    start_site: StartSite, archive: bytes
) -> None:
    site = start_site()
    site.wait_until_ready()
    assert "Research use only. Not a medical device." in site.said()
    token = site.token()
    with site.listens(token) as socket:
        analysis = site.analysis_of(token, site.upload(token, archive))
        heard = heard_of(socket, analysis["id"])
    assert heard[0] == "queued"
    assert "running" in heard
    assert heard[-1] == "succeeded"
    assert analysis["state"] == "succeeded"
    assert analysis["results"]["quantification"]["infected_percent"] > 1
    kept = site.data / "demo-accounts.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    below = descendants(site.process.pid)
    assert len(below) == 7
    site.stop(signal.SIGINT)
    assert site.process.returncode == 0
    assert not [pid for pid in below if command_of(pid)]
    assert site.said().endswith("Stopped\n")

    again = start_site()
    assert again.wait_until_ready() < 30
    assert again.password() == site.password()
    same = again.call("GET", f"analyses/{analysis['id']}/", Authorization=f"Token {token}")
    assert same["state"] == "succeeded"
    again.stop(signal.SIGTERM)
    assert again.process.returncode == 0


def test_a_port_in_use_is_one_sentence(start_site: StartSite) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        site = start_site(PORT=str(taken.getsockname()[1]))
        assert site.process.wait(30) == 1
    assert site.said().count("\n") == 1
    assert "cannot be used" in site.said()


@pytest.mark.parametrize("port", ["http", "0", "70000"])
def test_a_port_that_is_none_is_one_sentence(port: str, start_site: StartSite) -> None:
    site = start_site(PORT=port)
    assert site.process.wait(30) == 1
    assert site.said() == f"CommandError: PORT={port} is no port. Choose a number from 1 to 65535.\n"


def test_a_broken_database_is_one_sentence_and_nothing_stays_behind(
    start_site: StartSite, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "lungsight.sqlite3").write_bytes(b"this is no database" * 1000)
    site = start_site(data)
    assert site.process.wait(60) == 1
    sentences = [line for line in site.said().splitlines() if "Error" in line]
    assert len(sentences) == 1
    assert "Restore it from a backup" in sentences[0]
    assert "Traceback" not in site.said()


def test_two_sites_on_one_data_folder_are_refused(running_site: Site, start_site: StartSite) -> None:
    second = start_site(running_site.data)
    assert second.process.wait(30) == 1
    assert "already running" in second.said()
    assert running_site.process.poll() is None


def test_a_long_path_gets_a_short_socket(running_site: Site) -> None:
    assert len(str(running_site.data)) > LONGEST_SOCKET
    wait_for(lambda: "valkey" in running_site.pids(), 30)


@pytest.mark.parametrize("victim", PARTS)
def test_accepted_work_ends_when_a_part_is_killed(victim: str, running_site: Site, archive: bytes) -> None:
    site = running_site
    wait_for(lambda: _answers(site), 30)
    token = site.token()
    wait_for(lambda: len(site.pids()) == 7, 30)
    upload = site.upload(token, archive)
    killed = site.pids()[victim]
    os.kill(killed, signal.SIGKILL)
    assert site.analysis_of(token, upload)["state"] == "succeeded"
    wait_for(lambda: site.pids().get(victim) not in (None, killed), 30)


def test_nothing_outlives_a_killed_supervisor_and_the_next_one_ends_the_accepted_work(
    start_site: StartSite, archive: bytes
) -> None:
    site = start_site()
    site.wait_until_ready()
    token = site.token()
    below = descendants(site.process.pid)
    upload = site.upload(token, archive)
    os.kill(site.process.pid, signal.SIGKILL)
    site.process.wait()
    wait_for(lambda: not [pid for pid in below if command_of(pid)], 15)
    again = start_site(site.data)
    again.wait_until_ready()
    assert again.analysis_of(token, upload)["state"] == "succeeded"


def test_a_kill_in_every_moment_of_an_upload_loses_nothing_that_was_acknowledged(
    running_site: Site, archive: bytes
) -> None:
    site = running_site
    wait_for(lambda: _answers(site), 30)
    token = site.token()
    acknowledged: list[str] = []
    for delay in (0.02, 0.15, 0.5):
        killer = threading.Timer(delay, os.kill, (site.pids()["web"], signal.SIGKILL))
        killer.start()
        try:
            upload = site.upload(token, archive)
        except OSError:
            upload = ""
        killer.join()
        wait_for(lambda: _answers(site), 60)
        if upload:
            acknowledged.append(upload)
    acknowledged.append(site.upload(token, archive))
    for upload in acknowledged:
        told = site.call("GET", f"uploads/{upload}/", Authorization=f"Token {token}")
        assert told["files"]
    assert site.analysis_of(token, acknowledged[0])["state"] == "succeeded"


def heard_of(socket: Connection, analysis: str) -> list[str]:
    """Return the states of the analysis that open pages were told of, until it ended."""
    states: list[str] = []
    while not states or states[-1] != "succeeded":
        message = json.loads(socket.recv(timeout=10))
        if message.get("analysis") == analysis:
            states.append(message["state"])
    return states


def _answers(site: Site) -> bool:
    """Tell whether the web process runs and can serve."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{site.port}/readyz", timeout=30) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
