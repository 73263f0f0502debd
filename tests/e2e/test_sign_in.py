"""Signing in and out."""

from __future__ import annotations

from tests.e2e.desk import Desk
from tests.e2e.stack import Site


def test_a_reader_signs_in_and_out(desk: Desk, site: Site) -> None:
    desk.go("/worklist/")
    assert "/accounts/login/" in desk.page.url
    desk.sign_in(site.reader)
    assert desk.page.locator("h1").inner_text() == "Worklist"
    assert desk.page.get_by_text("Research use only. Not a medical device.").first.is_visible()
    desk.page.locator("details.menu summary").click()
    desk.page.get_by_role("button", name="Sign out").click()
    desk.go("/worklist/")
    assert "/accounts/login/" in desk.page.url


def test_a_wrong_password_is_answered_in_words_and_the_address_stays(desk: Desk, site: Site) -> None:
    desk.forgive("status of 4")
    desk.go("/accounts/login/")
    desk.page.fill("#id_login", site.reader.email)
    desk.page.fill("#id_password", "not it")
    desk.page.click("button[type=submit]")
    alert = desk.page.get_by_role("alert")
    assert "That e-mail address and password do not match." in alert.inner_text()
    assert desk.page.input_value("#id_login") == site.reader.email
    desk.shot("wrong-password")


def test_the_theme_is_kept(reader: Desk) -> None:
    html = reader.page.locator("html")
    assert html.get_attribute("data-bs-theme") == "dark"
    reader.page.click("#theme-toggle")
    reader.go("/cohorts/")
    assert html.get_attribute("data-bs-theme") == "light"
    reader.shot("light")


def test_the_api_is_documented_on_a_page_of_its_own(desk: Desk) -> None:
    desk.forgive("data:image/svg")
    page = desk.go("/api/docs/")
    entry = page.get_by_text("/api/v1/uploads/", exact=True).first
    desk.until(entry.is_visible, "the list of addresses was shown")
