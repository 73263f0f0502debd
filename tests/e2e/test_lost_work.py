"""What a reader did is never lost: not with the web process, not with the connection, not with the tab."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.e2e import reading
from tests.e2e.desk import Desk
from tests.e2e.stack import Site
from tests.phantoms import chest_phantom, write_dicom_series

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def series(reader: Desk, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """A series with its analysis, one for each test."""
    seed = sum(request.node.name.encode())
    write_dicom_series(chest_phantom(seed=seed).volume, tmp_path / "chest", patient_id=f"LOST-{seed}")
    sent = reading.send(reader, tmp_path / "chest")
    reading.wait_for_analysis(reader, sent)
    return sent


def test_edits_around_a_killed_web_process_are_all_there_after_it(
    reader: Desk, site: Site, series: str
) -> None:
    reader.forgive("ERR_CONNECTION|ERR_EMPTY_RESPONSE|WebSocket|Failed to load resource")
    page = reading.open_viewer(reader, series)
    reading.accept(reader, page, "R1")
    reading.await_saved(reader, page)
    page.get_by_test_id("note").fill("Typed while the server died.")
    site.kill_web()
    page.get_by_test_id("co-rads-4").click()
    reader.until(
        lambda: reader.probe("unsaved === 0 && window.lungsight.saveState === 'saved'", page),
        "the edits were saved by the next web process",
        90,
    )
    _shows(reader, page, note="Typed while the server died.", co_rads=4)
    page.reload()
    reading.await_viewer(reader, page)
    _shows(reader, page, note="Typed while the server died.", co_rads=4)
    assert next(r for r in reading.regions(reader, page) if r["label"] == "R1")["style"] == "accepted"


def test_edits_of_a_tab_that_closed_without_a_connection_are_sent_by_the_next_one(
    reader: Desk, series: str
) -> None:
    reader.forgive("ERR_INTERNET_DISCONNECTED|WebSocket|Failed to load resource")
    page = reading.open_viewer(reader, series)
    reading.await_saved(reader, page)
    page.context.set_offline(True)
    page.get_by_test_id("note").fill("Typed on the train.")
    page.get_by_test_id("co-rads-2").click()
    state = page.get_by_test_id("save-state")
    reader.until(lambda: "kept on this computer" in state.inner_text(), "the edits were kept here")
    reader.shot("kept")
    page.close()
    page = reader.page = reader.new_page()
    page.context.set_offline(False)
    reading.open_viewer(reader, series, page)
    reading.await_saved(reader, page)
    _shows(reader, page, note="Typed on the train.", co_rads=2)
    page.reload()
    reading.await_viewer(reader, page)
    _shows(reader, page, note="Typed on the train.", co_rads=2)


def _shows(reader: Desk, page: Page, *, note: str, co_rads: int) -> None:
    answers = reader.probe("answers", page)
    assert (answers["note"], answers["co_rads"]) == (note, co_rads)
