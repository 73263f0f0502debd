"""Goals L8: first image, whole stack, overlay and scrolling of the viewer, on the real site in Chromium.

    python -m benchmarks.viewer [--slices 300] [--rounds 3]

A box chest of 512 x 512 is uploaded and analysed once; each round opens it in a new browser context, so
that nothing comes from a cache. Times are in ms from navigation; the overlay's from the whole stack.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.e2e.conftest import ARGUMENTS, CHROMIUM, SCREEN
from tests.e2e.stack import Site
from tests.phantoms import chest_phantom, write_dicom_series

READY_SECONDS = 600
GOALS = {"first image": 1500, "whole stack": 4000, "overlay after it": 1000, "slice": 25}
"""Milliseconds."""
SCROLL = """async (steps) => {
    const times = [];
    for (let step = 0; step < steps; step += 1) {
        const start = performance.now();
        document.activeElement.dispatchEvent(
            new KeyboardEvent("keydown", { key: "ArrowDown", code: "ArrowDown", bubbles: true }));
        await new Promise(requestAnimationFrame);
        times.push(performance.now() - start);
    }
    return times;
}"""


def main() -> None:
    """Print the median of each figure, with its goal."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--slices", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lungsight-bench-") as name:
        folder = Path(name)
        site = Site(folder / "data", folder / "site.log")
        try:
            rounds = _measure(site, folder, chosen.slices, chosen.rounds)
        finally:
            site.stop()
    for figure, goal in (
        ("first image", 1500),
        ("whole stack", 4000),
        ("overlay after it", 1000),
        ("slice", 25),
    ):
        values = [one[figure] for one in rounds]
        median = statistics.median(values)
        spread = f"{min(values):.0f} to {max(values):.0f}"
        print(f"{chosen.slices} slices, {figure}: {median:.0f} ms ({spread}), goal {goal} ms")


def _measure(site: Site, folder: Path, slices: int, rounds: int) -> list[dict[str, float]]:
    chest = chest_phantom(slices=slices, size=512, rows=512)
    write_dicom_series(chest.volume, folder / "dicom")
    site.manage("import", str(folder / "dicom"), "--cohort", site.cohort)
    series = _analysed(site)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        found = [_round(browser, site, series, slices) for _ in range(rounds)]
        browser.close()
    return found


def _analysed(site: Site) -> str:
    """Wait for the analysis and return the id of the series."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        rows = site.api(site.reader, "worklist/?state=all")["results"]
        if rows and rows[0].get("analysis", {}).get("state") == "succeeded":
            return str(rows[0]["series"])
        time.sleep(1)
    raise TimeoutError("the analysis did not end in time")


def _round(browser: Browser, site: Site, series: str, slices: int) -> dict[str, float]:
    context = browser.new_context(viewport={"width": SCREEN[0], "height": SCREEN[1]})
    page = context.new_page()
    page.goto(f"{site.url}/accounts/login/")
    page.fill("#id_login", site.reader.email)
    page.fill("#id_password", site.reader.password)
    page.click("button[type=submit]")
    page.wait_for_url("**/worklist/**")
    page.goto(f"{site.url}/series/{series}/")
    timings = _timings(page)
    steps: list[float] = page.evaluate(SCROLL, min(60, slices // 3))
    context.close()
    return {
        "first image": timings["firstImage"],
        "whole stack": timings["fullLoad"],
        "overlay after it": max(0.0, timings["overlay"] - timings["fullLoad"]),
        "slice": statistics.median(steps),
    }


def _timings(page: Page) -> dict[str, Any]:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found: dict[str, Any] | None = page.evaluate("window.lungsight && window.lungsight.timings")
        if found and found.get("overlay") and found.get("fullLoad"):
            return found
        time.sleep(0.2)
    raise TimeoutError("the viewer did not show its overlay in time")


if __name__ == "__main__":
    main()
