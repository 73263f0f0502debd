"""The shipped networks on a synthetic chest: lobes, lesion types and regions, up to a signed reading."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from diagnosis.phantom.dicom_export import write_dicom
from diagnosis.phantom.phantom import Phantom, PhantomRequest, make_phantom
from diagnosis.results import LOBES, RIGHT_LUNG
from tests.e2e import reading
from tests.e2e.desk import Desk
from tests.e2e.stack import OWN_DATABASE, Site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, artefacts: Path) -> Iterator[Site]:
    """A site of its own, in place of the one without networks."""
    data, log = tmp_path_factory.mktemp("networks"), artefacts / "site-networks.log"
    running = Site(data, log, LUNGSIGHT_WEIGHTS="", DATABASE_URL=OWN_DATABASE)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def chest() -> Phantom:
    """COVID-19 with much ground glass, small enough to be read within seconds."""
    return make_phantom(PhantomRequest(11, "covid", severity=0.7, scanner="aster-lung", shape=(40, 192, 192)))


def test_what_the_networks_found_is_shown_judged_and_signed(
    reader: Desk, site: Site, chest: Phantom, tmp_path: Path
) -> None:
    write_dicom(chest, tmp_path / "chest")
    series = reading.send(reader, tmp_path / "chest")
    reading.wait_for_analysis(reader, series)
    page = reading.open_viewer(reader, series)

    (analysis,) = site.api(site.reader, f"series/{series}/")["analyses"]
    told = site.api(site.reader, f"analyses/{analysis['id']}/")["results"]
    assert {owner: name.split()[0] for owner, name in told["segmentation"].items()} == dict.fromkeys(
        ("lungs", "lobes", "lesions"), "network"
    )
    infected = told["quantification"]["infected_percent"]
    assert infected == pytest.approx(chest.truth.infected_percent, abs=6)
    assert told["quantification"]["source"] == "lesions"

    page.get_by_test_id("heatmap-source").select_option(label="Lesion types")
    reader.until(lambda: reader.probe("lesionTypes", page), "the lesion types were shown")
    assert page.get_by_test_id("lesion-type-1").is_visible()
    page.get_by_test_id("lobes").check()
    reader.until(lambda: set(reader.probe("lobes", page)) == {*LOBES.values()}, "five lobes were outlined")
    for lobe in LOBES.values():
        assert page.get_by_test_id(f"severity-ai-{lobe}").inner_text()
    reader.shot("opened")

    largest = max(reading.regions(reader, page), key=lambda region: float(region["ml"]))
    place = tuple(round(largest["centre"][axis]) for axis in "zyx")
    assert largest["place"].startswith("R" if chest.lungs[place] == RIGHT_LUNG else "L")
    reading.accept(reader, page, largest["label"])
    page.get_by_test_id("accept-left").click()
    page.get_by_test_id("accept-all").click()
    reading.answer(page, co_rads=5, severity=2)
    reading.await_saved(reader, page)
    reading.sign(reader, page, site.reader.password)
