"""What a cohort decides: who exports, and when AI is seen."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.e2e import reading
from tests.e2e.desk import Desk
from tests.e2e.stack import Site
from tests.phantoms import chest_phantom, write_dicom_series


def test_the_administrator_exports_the_table_and_its_dictionary(
    desk: Desk, site: Site, tmp_path: Path
) -> None:
    desk.sign_in(site.administrator)
    page = desk.go("/cohorts/demo/")
    sheets = []
    for button in ("Export CSV", "Data dictionary"):
        with page.expect_download() as download:
            page.get_by_role("link", name=button).click()
        sheets.append(list(csv.reader(download.value.path().read_text().splitlines())))
    table, dictionary = sheets
    assert table[0] == [row[0] for row in dictionary[1:]]
    assert "co_rads" in table[0]


def test_a_reader_is_not_offered_the_export(reader: Desk) -> None:
    page = reader.go("/cohorts/demo/")
    assert page.get_by_role("link", name="Export CSV").count() == 0


@pytest.mark.timeout(900)
def test_first_answers_come_before_ai_where_the_cohort_wants_it(
    desk: Desk, site: Site, tmp_path: Path
) -> None:
    site.add_cohort("blind", ai_policy="after_first_answers")
    blind = site.add_user("blind@example.org", "reader", "blind")
    desk.sign_in(blind)
    write_dicom_series(chest_phantom(seed=21).volume, tmp_path / "chest", patient_id="BLIND-1")
    series = reading.send(desk, tmp_path / "chest")
    reading.wait_for_analysis(desk, series)
    row = desk.page.locator(f'tr[data-series="{series}"]')
    assert "Hidden" in row.inner_text()
    assert row.locator("svg.trk").count() == 0

    page = desk.go(f"/series/{series}/")
    desk.until(lambda: desk.probe("loaded === window.lungsight.slices", page), "the volume was shown", 120)
    page.get_by_test_id("reveal").wait_for()
    assert desk.probe("aiShown", page) is False
    assert reading.regions(desk, page) == []
    page.get_by_test_id("co-rads-4").click()
    page.get_by_test_id("diagnosis").select_option("COVID-19")
    reading.await_saved(desk, page)
    desk.shot("before-reveal")
    page.get_by_role("button", name="Save and show AI").click()
    page.get_by_role("dialog").get_by_role("button", name="Show AI", exact=True).click()
    desk.until(lambda: reading.regions(desk, page), "the regions were shown after the first answers", 60)
    assert desk.probe("aiShown", page) is True
    (told,) = site.api(blind, f"series/{series}/readings/")["results"]
    assert told["answers_before_ai"]["co_rads"] == 4
