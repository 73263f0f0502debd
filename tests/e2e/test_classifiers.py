"""A classifier in the site: chosen for a new analysis; its answer, maps and regions beside the others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page

from tests.diagnosis.crafted_networks import (
    density_lesion_network,
    height_lobe_network,
    ship,
    threshold_lung_network,
)
from tests.diagnosis.systems.crafted_decovnet import ship as ship_decovnet
from tests.e2e import reading
from tests.e2e.desk import Desk
from tests.e2e.stack import OWN_DATABASE, Site
from tests.phantoms import ChestPhantom, chest_phantom, write_dicom_series


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, artefacts: Path) -> Iterator[Site]:
    """A site of its own, whose networks see by density: what they find in a box chest is known."""
    weights = tmp_path_factory.mktemp("weights")
    ship(
        weights,
        lungs=threshold_lung_network(),
        lobes=height_lobe_network(),
        lesions=density_lesion_network(),
    )
    ship_decovnet(weights)
    log = artefacts / "site-classifiers.log"
    data = tmp_path_factory.mktemp("classifiers")
    running = Site(data, log, LUNGSIGHT_WEIGHTS=str(weights), DATABASE_URL=OWN_DATABASE)
    yield running
    running.stop()


@pytest.mark.timeout(900)
def test_a_demonstration_is_chosen_and_its_answer_read_beside_the_others(
    reader: Desk, site: Site, tmp_path: Path
) -> None:
    write_dicom_series(chest_phantom().volume, tmp_path / "chest")
    series = reading.send(reader, tmp_path / "chest")
    reading.wait_for_analysis(reader, series)
    (first,) = site.api(site.reader, f"series/{series}/")["analyses"]
    assert first["systems"] == ["density"]

    page = reading.open_viewer(reader, series)
    assert page.get_by_test_id("system-decovnet").count() == 0
    assert {region["label"] for region in reading.regions(reader, page)} == {"S1", "S2", "R1", "R2"}
    page.get_by_test_id("new-analysis").click()
    dialog = page.get_by_test_id("new-analysis-dialog")
    assert "Demonstration only" in dialog.inner_text()
    assert "Reads CT and lung mask" in dialog.inner_text()
    assert page.get_by_test_id("choose-density").is_checked()
    assert not page.get_by_test_id("choose-decovnet").is_checked()
    page.get_by_test_id("choose-decovnet").check()
    reader.shot("dialog")
    page.get_by_test_id("start-chosen").click()
    newer = page.get_by_test_id("use-newer")
    reader.until(newer.is_visible, "the newer analysis was offered", reading.ANALYSIS_SECONDS)
    assert page.get_by_test_id("system-decovnet").count() == 0
    newer.click()
    row = page.get_by_test_id("system-decovnet")
    reader.until(row.count, "the results of the classifier were shown")
    words = " ".join(row.inner_text().split())
    assert "Demonstration only" in words
    assert "COVID-19 1.00" in words
    assert "Predicted positive, operating point 0.40" in words
    assert "1 region." in words
    assert "Version test." in words

    labels = {"S1", "S2", "Density R1", "Density R2", "DeCoVNet R1"}
    reader.until(
        lambda: {region["label"] for region in reading.regions(reader, page)} == labels, "five regions"
    )
    assert reader.probe("map.name", page) == "Density, infected"
    page.get_by_test_id("heatmap-source").select_option(label="DeCoVNet CAM")
    reader.until(lambda: reader.probe("heatmap", page), "the map was shown")
    assert "DeCoVNet, COVID-19, CAM" in page.get_by_test_id("legend-map").inner_text()
    (found,) = [r for r in reading.regions(reader, page) if r["system"] == "decovnet"]
    x, y, z = (round(found["centre"][axis]) for axis in "xyz")
    assert reader.probe(f"evidenceAt({x}, {y}, {z})", page) > 0.5
    page.get_by_test_id("lungs").check()
    reader.shot("map")

    page.get_by_test_id("region-system").select_option("decovnet")
    assert "4 regions of other systems hidden, 4 without verdict." in page.get_by_test_id(
        "region-filter"
    ).inner_text().replace("\n", " ")
    assert page.get_by_test_id("regions").locator("li").count() == 1
    page.reload()
    reading.await_viewer(reader, page)
    reader.until(
        lambda: page.get_by_test_id("regions").locator("li").count() == 1, "the choice was remembered"
    )
    reading.accept(reader, page, "DeCoVNet R1")
    reading.await_saved(reader, page)
    reading.answer(page)
    reading.await_saved(reader, page)
    assert "4 regions need a verdict" in page.get_by_test_id("missing").inner_text()
    page.get_by_test_id("missing").get_by_text("4 regions need a verdict").click()
    reader.until(
        lambda: page.get_by_test_id("regions").locator("li").count() == 5, "the way led to a hidden one"
    )
    reader.shot("regions")

    reader.go(f"/worklist/?series={series}&state=all")
    cell = reader.page.locator(f'tr[data-series="{series}"] .c-class')
    assert " ".join(cell.inner_text().split()).endswith("1.00 positive Demo")
    reader.go("/methods/#decovnet")
    assert "Demonstration only" in reader.page.locator("#decovnet").inner_text()


@pytest.mark.timeout(600)
def test_saliency_is_seen_while_it_is_made_until_the_results_take_its_place(
    reader: Desk, site: Site, tmp_path: Path
) -> None:
    chest = chest_phantom(seed=11)
    write_dicom_series(chest.volume, tmp_path / "chest")
    series = reading.send(reader, tmp_path / "chest")
    (own,) = site.api(site.reader, f"series/{series}/")["analyses"]
    site.api(site.reader, f"analyses/{own['id']}/cancel/", {})

    def made(what: str) -> None:
        site.manage(
            "shell", "-c",
            "from tests.phantoms import chest_phantom\n"
            "from tests.webapp.crafted_results import draw_on_chest, store_on_chest\n"
            f"series, chest = '{series}', chest_phantom(seed=11)\n"
            f"{what}\n",
        )  # fmt: skip

    middle = len(chest.volume.hu) // 2
    made("draw_on_chest(series, chest, 0.5)")
    page = reading.open_viewer(reader, series)
    told = page.get_by_test_id("preview")
    reader.until(lambda: "50% drawn" in (told.inner_text() if told.count() else ""), "half was announced")
    assert "Multi-scale classifier, COVID-19, all scales" in told.inner_text()
    reader.until(lambda: reader.probe("heatmap", page), "half of the map was shown")
    assert _most_evidence(reader, page, chest, slice(middle + 1, None)) == 0
    reader.shot("half")

    made("draw_on_chest(series, chest, 1.0)")
    reader.until(lambda: "100% drawn" in told.inner_text(), "the rest followed by itself")
    reader.until(
        lambda: _most_evidence(reader, page, chest, slice(middle + 1, None)) > 0.5, "the whole map was shown"
    )
    assert page.get_by_test_id("system-multiscale").count() == 0
    page.keyboard.press("F2")
    reader.until(told.is_hidden, "the reader hid it")
    page.keyboard.press("F2")

    made("store_on_chest(series, chest)")
    reader.until(page.get_by_test_id("system-multiscale").count, "the results took its place")
    assert told.count() == 0
    reader.until(lambda: reader.probe("heatmap", page), "a map of the results was shown")
    reader.until(lambda: reading.regions(reader, page), "regions were listed")

    chosen = reader.probe("map.name", page)
    made("draw_on_chest(series, chest, 1.0)")
    page.reload()
    reading.await_viewer(reader, page)
    source = page.get_by_test_id("heatmap-source")
    reader.until(
        lambda: any("100% drawn" in text for text in source.locator("option").all_inner_texts()),
        "the map of a later analysis was offered",
    )
    assert reader.probe("map.name", page) == chosen
    (label,) = [text for text in source.locator("option").all_inner_texts() if "drawn" in text]
    source.select_option(label=label)
    reader.until(
        lambda: _most_evidence(reader, page, chest, slice(middle + 1, None)) > 0.5, "it was shown on request"
    )
    reader.shot("later")
    made("store_on_chest(series, chest)")
    reader.until(page.get_by_test_id("use-newer").is_visible, "the later analysis was offered")
    assert not any("drawn" in text for text in source.locator("option").all_inner_texts())
    reader.until(lambda: reader.probe("heatmap", page), "a map of the first one was shown again")

    made("draw_on_chest(series, chest, 0.5)")
    page.reload()
    reading.await_viewer(reader, page)
    reader.until(page.get_by_test_id("stop-analysis").is_visible, "a third one runs")
    reader.shot("running")
    page.get_by_test_id("stop-analysis").click()
    reader.until(lambda: page.get_by_test_id("another").count() == 0, "it was stopped")
    states = [one["state"] for one in site.api(site.reader, f"series/{series}/")["analyses"]]
    assert sorted(states) == ["cancelled", "cancelled", "succeeded", "succeeded"]
    assert not any("drawn" in text for text in source.locator("option").all_inner_texts())


def _most_evidence(reader: Desk, page: Page, chest: ChestPhantom, slices: slice) -> float:
    """The highest value of the chosen map at some lesion voxels of these slices."""
    ill = np.argwhere(chest.ground_glass | chest.consolidation)
    places = [place for place in ill.tolist() if place[0] in range(len(chest.volume.hu))[slices]]
    return max(
        reader.probe(f"evidenceAt({x}, {y}, {z})", page) or 0.0 for z, y, x in places[:: len(places) // 20]
    )


@pytest.mark.timeout(600)
def test_maps_of_one_system_are_read_side_by_side_from_its_worst_slice_on(
    reader: Desk, site: Site, tmp_path: Path
) -> None:
    write_dicom_series(chest_phantom(seed=9).volume, tmp_path / "chest")
    series = reading.send(reader, tmp_path / "chest")
    (own,) = site.api(site.reader, f"series/{series}/")["analyses"]
    site.api(site.reader, f"analyses/{own['id']}/cancel/", {})
    site.manage(
        "shell", "-c",
        "from tests.phantoms import chest_phantom\n"
        "from tests.webapp.crafted_results import store_on_chest\n"
        f"store_on_chest('{series}', chest_phantom(seed=9))",
    )  # fmt: skip
    page = reading.open_viewer(reader, series)
    words = {
        name: " ".join(page.get_by_test_id(f"system-{name}").inner_text().split())
        for name in ("multiscale", "icovid", "patchwise")
    }
    assert "COVID-19 0.64 positive" in words["multiscale"]
    assert "CAP 0.31 negative" in words["multiscale"]
    assert "COVID-19 0.57 = diseased 0.95 × COVID-19 given diseased 0.59" in words["patchwise"]
    assert page.get_by_test_id("infected-patch-networks").is_visible()
    assert page.get_by_test_id("evidence-of").inner_text() == "Multi-scale classifier"
    assert page.get_by_test_id("evidence-scale").inner_text() == "P(COVID-19) of each slice, 0 to 1"
    reader.shot("several")

    page.get_by_test_id("compare-icovid").click()
    both = "heatmapBeside && window.lungsight.heatmap"
    reader.until(lambda: reader.probe(both, page), "both maps lay there")
    assert page.get_by_test_id("caption-first").inner_text() == "lung relevance"
    beside = page.get_by_test_id("map-beside")
    assert beside.locator("option:checked").inner_text() == "lesion relevance"
    assert page.get_by_test_id("evidence-of").inner_text() == "icovid"
    page.get_by_test_id("view-second").focus()
    page.keyboard.press(".")
    assert "Worst 1/" in page.get_by_test_id("worst-place").inner_text()
    worst = reader.probe("slice", page)
    assert _both_show(reader, worst)
    page.keyboard.press(".")
    assert reader.probe("slice", page) != worst
    page.keyboard.press(",")
    assert reader.probe("slice", page) == worst
    page.get_by_test_id("view-second").hover()
    page.mouse.wheel(0, 120)
    reader.until(lambda: _both_show(reader, worst + 1), "both views scrolled")
    page.keyboard.down("Control")
    page.mouse.wheel(0, -120)
    page.keyboard.up("Control")
    reader.shot("side-by-side")

    page.keyboard.press("F2")
    reader.until(page.get_by_test_id("evidence-of").is_hidden, "the curve was hidden with the results")
    assert reader.probe("layout", page) == "three"
    assert page.get_by_test_id("layout-pair").is_hidden()
    page.keyboard.press(".")
    assert reader.probe("slice", page) == worst + 1
    reader.shot("hidden")


def _both_show(desk: Desk, number: int) -> bool:
    """Whether both views side by side show the slice with this number, and no other view is there."""
    index = int(desk.probe("slices")) - number
    return bool(desk.probe("shownSlices") == {"axial": index, "second": index})
