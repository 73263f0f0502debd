"""A person at a browser: one context of Chromium, watched for errors."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from playwright.sync_api import BrowserContext, ConsoleMessage, Page

from tests.e2e.stack import Account, Site

Found = TypeVar("Found")
POLL_MS = 100


class Desk:
    """One signed-in (or anonymous) person with pages of their own.

    Errors of the console, uncaught exceptions and violations of the content security policy are collected
    in ``complaints``; the fixture fails the test when there are any that were not ``forgiven``.
    """

    def __init__(self, context: BrowserContext, site: Site, artefacts: Path, name: str) -> None:
        self.site = site
        self.complaints: list[str] = []
        self.keeps_pictures = True
        """False for real patients: pictures of them are never kept."""
        self._context = context
        self._artefacts = artefacts
        self._name = name
        self._forgiven: list[str] = []
        self.page = self.new_page()

    def new_page(self) -> Page:
        """Open another tab."""
        page = self._context.new_page()
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"exception: {error}"))
        return page

    def _console(self, message: ConsoleMessage) -> None:
        text = message.text
        if message.type == "error" or "Content Security Policy" in text:
            self.complaints.append(f"{message.type}: {text}")

    def forgive(self, pattern: str) -> None:
        """Allow complaints that match: the test causes them on purpose."""
        self._forgiven.append(pattern)

    @property
    def unforgiven(self) -> list[str]:
        """Return the complaints nobody expected."""
        return [one for one in self.complaints if not any(re.search(p, one) for p in self._forgiven)]

    def go(self, path: str, page: Page | None = None) -> Page:
        """Open an address of the site."""
        page = page or self.page
        page.goto(f"{self.site.url}{path}")
        return page

    def sign_in(self, account: Account) -> None:
        """Sign in by the form."""
        self.go("/accounts/login/")
        self.page.fill("#id_login", account.email)
        self.page.fill("#id_password", account.password)
        self.page.click("button[type=submit]")
        self.page.wait_for_url("**/worklist/**")

    def shot(self, name: str, page: Page | None = None) -> None:
        """Keep a picture of the page."""
        if self.keeps_pictures:
            (page or self.page).screenshot(path=self._artefacts / f"{self._name}-{name}.png")

    def until(self, question: Callable[[], Found | None], what: str, seconds: float = 30) -> Found:
        """Ask again until the answer is true and give it.

        Playwright's wait_for_function evaluates strings, which the content security policy forbids.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := question():
                return found
            self.page.wait_for_timeout(POLL_MS)
        self.shot("timeout")
        raise AssertionError(f"{what} did not happen within {seconds:.0f} s")

    def probe(self, expression: str, page: Page | None = None) -> Any:
        """Read from the viewer what it shows: ``expression`` of ``lungsight``; None before it is there."""
        return (page or self.page).evaluate(f"() => window.lungsight ? window.lungsight.{expression} : null")

    def close(self) -> None:
        """Close all its tabs."""
        self._context.close()
