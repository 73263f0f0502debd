"""The real stack and a real browser. Everything in this folder is marked ``e2e``."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.desk import Desk
from tests.e2e.stack import ROOT, Site

ARTEFACTS = ROOT / "test-artefacts"
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run", "--disable-default-apps", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist", "--enable-precise-memory-info",
]  # fmt: skip
SCREEN = (1600, 1000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder, and give them time: they share two cores with the whole stack."""
    folder = Path(__file__).parent
    for item in items:
        if folder in item.path.parents:
            item.add_marker("e2e")
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(300))


@pytest.fixture(scope="session")
def artefacts() -> Path:
    """Folder of pictures and logs that are kept."""
    ARTEFACTS.mkdir(exist_ok=True)
    return ARTEFACTS


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, artefacts: Path) -> Iterator[Site]:
    """The running site, one for all tests: web process, workers, reconciler, Valkey."""
    data = tmp_path_factory.mktemp("site")
    running = Site(data, artefacts / "site.log")
    yield running
    running.stop()
    for log in (data / "logs").glob("*"):
        shutil.copy(log, artefacts / f"site-{log.name}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium with software rendering."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def open_desk(
    browser: Browser, site: Site, artefacts: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Desk]]:
    """Return a function that seats another person at another browser. Complaints fail the test."""
    desks: list[Desk] = []

    def seat(size: tuple[int, int] = SCREEN) -> Desk:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]})
        name = request.node.name.removeprefix("test_")
        desks.append(Desk(context, site, artefacts, f"{name[:60]}-{len(desks) + 1}"))
        return desks[-1]

    yield seat
    for desk in desks:
        desk.close()
    assert [complaint for desk in desks for complaint in desk.unforgiven] == []


@pytest.fixture
def desk(open_desk: Callable[..., Desk]) -> Desk:
    """One person who has not signed in."""
    return open_desk()


@pytest.fixture
def reader(desk: Desk, site: Site) -> Desk:
    """The demo's reader, signed in."""
    desk.sign_in(site.reader)
    return desk
