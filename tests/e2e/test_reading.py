"""The main job: from an uploaded chest to a signed reading, with every side where it belongs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e import reading
from tests.e2e.desk import Desk
from tests.e2e.stack import Site
from tests.phantoms import ChestPhantom, chest_phantom, write_dicom_series


@pytest.fixture(scope="session")
def phantom() -> ChestPhantom:
    """Ground glass low in the right lung, consolidation high in the left one."""
    return chest_phantom(slices=56, size=128, rows=128, seed=5)


@pytest.fixture(scope="session")
def orientations() -> dict[str, dict[str, str]]:
    """Letters at the edges of each view: left, right, top, bottom."""
    return {
        "axial": {"left": "R", "right": "L", "top": "A", "bottom": "P"},
        "coronal": {"left": "R", "right": "L", "top": "S", "bottom": "I"},
    }


@pytest.mark.timeout(900)
def test_a_phantom_goes_from_upload_to_a_signed_reading_with_its_sides_right(
    reader: Desk, site: Site, phantom: ChestPhantom, orientations: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    write_dicom_series(phantom.volume, tmp_path / "chest")
    series = reading.send(reader, tmp_path / "chest")
    reading.wait_for_analysis(reader, series)
    page = reading.open_viewer(reader, series)
    reader.shot("opened")

    assert reader.probe("slices", page) == phantom.volume.hu.shape[0]
    shown = reader.probe("orientation", page)
    assert {plane: shown[plane] for plane in orientations} == orientations
    for z, y, x in ((10, 40, 40), (28, 64, 30), (45, 64, 100)):
        assert reader.probe(f"huAt({x}, {y}, {z})", page) == phantom.volume.hu[z, y, x]

    found = reading.regions(reader, page)
    _is_where_it_belongs(reader, phantom, _largest(found, "right"), _largest(found, "left"))
    (analysis,) = site.api(site.reader, f"series/{series}/")["analyses"]
    told = site.api(site.reader, f"analyses/{analysis['id']}/regions/")["results"]
    assert {r["label"]: r["ml"] for r in found} == {r["label"]: r["volume_ml"] for r in told}
    for region in found:
        reading.accept(reader, page, region["label"])
    reading.answer(page, co_rads=5, severity=2, note="Ground glass right, consolidation left.")
    revision = reading.await_saved(reader, page)
    answers, verdicts = reader.probe("answers", page), reading.regions(reader, page)
    assert {region["style"] for region in verdicts} == {"accepted"}

    page.reload()
    reading.await_viewer(reader, page)
    assert reader.probe("answers", page) == answers
    assert reading.regions(reader, page) == verdicts
    assert reader.probe("revision", page) == revision

    reading.sign(reader, page, site.reader.password)
    reader.shot("signed")
    page.reload()
    reading.await_viewer(reader, page)
    assert "Signed" in page.get_by_test_id("save-state").inner_text()
    assert page.get_by_test_id("co-rads-5").is_disabled() or page.get_by_test_id("sign").is_hidden()
    assert reader.probe("answers", page) == answers

    reader.go("/worklist/?state=signed")
    row = reader.page.locator(f'tr[data-series="{series}"]')
    assert "Signed" in row.inner_text()
    reader.go("/cohorts/demo/")
    cells = reader.page.locator(f'#cohort-table tr:has(a[href="/series/{series}/"])').inner_text()
    assert "COVID-19" in cells
    reader.shot("cohort")


def _is_where_it_belongs(
    desk: Desk, phantom: ChestPhantom, right: dict[str, Any], left: dict[str, Any]
) -> None:
    """Compare what the page shows of the two largest regions with the truth: side, place, height and ml."""
    assert _pixel(desk, right) < _pixel(desk, left)
    for region, mask in ((right, phantom.ground_glass), (left, phantom.consolidation)):
        x, y, z = (round(region["centre"][axis]) for axis in "xyz")
        assert mask[z, y, x]
        mm = desk.probe(f"mmOf({x}, {y}, {z})")
        truth = phantom.volume.affine @ [x, y, z, 1]
        assert [mm["x"], mm["y"], mm["z"]] == pytest.approx(truth[:3].tolist(), abs=0.01)
    # Slice 1 is the most cranial: the left lesion lies higher, so it has the smaller number.
    assert left["slice"] < right["slice"]
    for side, lesion_ml, lung_ml in (
        ("right", phantom.ground_glass_ml, phantom.right_ml),
        ("left", phantom.consolidation_ml, phantom.left_ml),
    ):
        shown = float(desk.page.get_by_test_id(f"infected-{side}").inner_text().rstrip("%"))
        assert shown == pytest.approx(100 * lesion_ml / lung_ml, abs=0.5)


def _pixel(desk: Desk, region: dict[str, Any]) -> float:
    """Return how far from the left edge of the screen the region's centre is drawn in the axial view."""
    centre = region["centre"]
    return float(desk.probe(f"pixelOf('axial', {centre['x']}, {centre['y']}, {centre['z']})[0]"))


def _largest(found: list[dict[str, Any]], side: str) -> dict[str, Any]:
    return max(
        (region for region in found if side in region["place"].lower()), key=lambda one: float(one["ml"])
    )


@pytest.mark.timeout(900)
def test_two_tabs_of_one_reader_meet_in_a_conflict_that_loses_nothing(reader: Desk, tmp_path: Path) -> None:
    reader.forgive("status of 409")
    write_dicom_series(chest_phantom(seed=6).volume, tmp_path / "chest")
    series = reading.send(reader, tmp_path / "chest")
    reading.wait_for_analysis(reader, series)
    first = reading.open_viewer(reader, series)
    second = reading.open_viewer(reader, series, reader.new_page())
    first.get_by_test_id("co-rads-2").click()
    reading.await_saved(reader, first)
    second.get_by_test_id("co-rads-4").click()
    banner = second.get_by_test_id("banner-conflict")
    reader.until(banner.is_visible, "the second tab was told of the conflict")
    reader.shot("conflict", second)
    assert "Your 1 change is kept" in banner.inner_text()
    assert reader.probe("answers.co_rads", second) == 4
    second.get_by_test_id("keep-mine").click()
    reading.await_saved(reader, second)
    second.reload()
    reading.await_viewer(reader, second)
    assert reader.probe("answers.co_rads", second) == 4


@pytest.mark.sample_data
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("name", ["covid-P001", "cap-cap001", "normal-normal001", "nodule-LIDC-IDRI-0001"])
def test_a_real_chest_goes_from_upload_to_a_signed_reading(
    name: str, reader: Desk, site: Site, sample_data: Path
) -> None:
    reader.keeps_pictures = False
    series = reading.send(reader, sample_data / "chest-ct" / name, name)
    reading.wait_for_analysis(reader, series)
    page = reading.open_viewer(reader, series)
    for region in reading.regions(reader, page):
        assert any(side in region["place"].lower() for side in ("right", "left"))
        reading.accept(reader, page, region["label"])
    reading.answer(page)
    reading.await_saved(reader, page)
    reading.sign(reader, page, site.reader.password)
    (row,) = site.api(site.reader, f"worklist/?series={series}")["results"]
    assert row["reading"]["state"] == "signed"
