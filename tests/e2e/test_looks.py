"""Every page on three screens and in both themes: nothing scrolls sideways, one heading, pictures kept."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.desk import Desk
from tests.e2e.stack import Site

SCREENS = {"desk": (1600, 1000), "laptop": (1280, 800), "phone": (390, 844)}
PAGES = {
    "worklist": "/worklist/?state=all",
    "nothing-signed": "/worklist/?state=mine&q=nobody",
    "upload": "/upload/",
    "cohorts": "/cohorts/",
    "cohort": "/cohorts/demo/",
    "methods": "/methods/",
    "password": "/accounts/password/change/",
    "users": "/manage/users/",
}


@pytest.mark.parametrize("screen", SCREENS)
def test_pages_fit_the_screen(screen: str, open_desk: Callable[..., Desk], site: Site) -> None:
    desk = open_desk(SCREENS[screen])
    desk.go("/accounts/login/")
    _fits(desk, "sign-in")
    desk.sign_in(site.administrator)
    for theme in ("dark", "light"):
        for name, path in PAGES.items():
            desk.go(path)
            assert desk.page.locator("html").get_attribute("data-bs-theme") == theme
            _fits(desk, f"{name}-{theme}")
        desk.page.click("#theme-toggle")


def test_a_phone_reaches_every_page_through_the_menu(open_desk: Callable[..., Desk], site: Site) -> None:
    desk = open_desk(SCREENS["phone"])
    desk.sign_in(site.administrator)
    desk.page.locator("details.menu summary").click()
    menu = desk.page.locator(".menu-x")
    assert menu.get_by_role("link", name="Cohorts").is_visible()
    menu.get_by_role("link", name="Upload").click()
    assert desk.page.locator("h1").inner_text() == "Upload studies"
    assert desk.page.get_by_text("Research use only. Not a medical device.").last.is_visible()


def test_the_worklist_is_worked_by_keys(reader: Desk) -> None:
    page = reader.go("/worklist/?state=all")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    page.keyboard.type("nobody")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=nobody**")
    assert "hidden by the search “nobody”" in " ".join(page.inner_text("main").split())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className").find("skip") >= 0


def _fits(desk: Desk, name: str) -> None:
    desk.shot(name)
    assert desk.page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, name
    assert desk.page.locator("h1").count() == 1, name
    assert desk.page.locator("img:not([alt])").count() == 0, name
    for button in desk.page.get_by_role("button").all():
        assert button.inner_text().strip() or button.get_attribute("aria-label"), (name, button.inner_html())
