"""What a reader does in the viewer, and reads back from it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from tests.e2e.desk import Desk

LOBES = ("RUL", "RML", "RLL", "LUL", "LLL")
CHECK_SECONDS = 240
ANALYSIS_SECONDS = 600
LOAD_SECONDS = 120


def send(desk: Desk, files: Path | Sequence[Path], pseudonym: str = "") -> str:
    """Upload a folder or files through the page; give the id of the one series that came of it."""
    page = desk.go("/upload/")
    if pseudonym:
        page.fill("#pseudonym", pseudonym)
    page.set_input_files("#folder" if isinstance(files, Path) and files.is_dir() else "#files", files)
    report = page.locator("#report section[data-settled=yes]")
    desk.until(report.count, "the report was final", CHECK_SECONDS)
    ready = report.locator("tr[data-series]:has(.u-action a)")
    assert ready.count() == 1, report.inner_text()
    return str(ready.get_attribute("data-series"))


def wait_for_analysis(desk: Desk, series: str) -> None:
    """Watch the worklist until it says, by itself, that the analysis of the series is done."""
    page = desk.go("/worklist/?state=all")
    row = page.locator(f'tr[data-series="{series}"]')
    over = ("succeeded", "failed", "cancelled")
    state = desk.until(
        lambda: next((s for s in [row.get_attribute("data-analysis-state")] if s in over), None),
        "the worklist showed the end of the analysis",
        ANALYSIS_SECONDS,
    )
    assert state == "succeeded", row.inner_text()


def open_viewer(desk: Desk, series: str, page: Page | None = None) -> Page:
    """Open the series and wait until every slice and the overlay are there."""
    page = desk.go(f"/series/{series}/", page)
    await_viewer(desk, page)
    return page


def await_viewer(desk: Desk, page: Page) -> None:
    """Wait until every slice and the overlay are there."""
    desk.until(
        lambda: desk.probe(
            "loaded === window.lungsight.slices && window.lungsight.timings.overlay > 0", page
        ),
        "the viewer showed volume and overlay",
        LOAD_SECONDS,
    )


def regions(desk: Desk, page: Page) -> list[dict[str, Any]]:
    """Give the regions of the list."""
    found: list[dict[str, Any]] = desk.probe("regions", page)
    return found


def accept(desk: Desk, page: Page, label: str) -> None:
    """Press A of one region."""
    page.get_by_test_id(f"verdict-A-{label}").click()


def answer(page: Page, *, co_rads: int = 3, severity: int = 1, note: str = "") -> None:
    """Fill the form: one severity for all lobes."""
    page.get_by_test_id(f"co-rads-{co_rads}").click()
    for lobe in LOBES:
        page.get_by_test_id(f"severity-{lobe}-{severity}").click()
    page.get_by_test_id("diagnosis").select_option("COVID-19")
    page.get_by_test_id("confidence").select_option("confident")
    if note:
        page.get_by_test_id("note").fill(note)


def await_saved(desk: Desk, page: Page) -> int:
    """Wait until nothing is unsaved; give the revision."""
    desk.until(
        lambda: desk.probe("unsaved === 0 && window.lungsight.saveState === 'saved'", page),
        "the reading was saved",
    )
    return int(desk.probe("revision", page))


def sign(desk: Desk, page: Page, password: str) -> None:
    """Sign with the password."""
    button = page.get_by_test_id("sign")
    desk.until(button.is_enabled, f"Sign was offered ({page.get_by_test_id('missing').inner_text()})")
    button.click()
    page.get_by_test_id("sign-password").fill(password)
    page.get_by_test_id("sign-confirm").click()
    state = page.get_by_test_id("save-state")
    desk.until(lambda: "Signed" in state.inner_text(), "the reading was signed")
