"""Which systems the site offers, runs by itself, and refuses; the page that tells of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.webapp.conftest import ROLES, World
from tests.webapp.weights import put_weights, use_weights
from webapp.analyses.automatic import start_automatic
from webapp.analyses.cards import as_html
from webapp.imaging.models import Series

pytestmark = pytest.mark.django_db

READY = {"evaluation": {"auc": 0.97, "auc_interval": [0.95, 0.99], "n": 200}}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the site looks for weights."""
    use_weights(monkeypatch, tmp_path)
    return tmp_path


def told(world: World, name: str = "decovnet") -> dict[str, Any]:
    systems = world.as_user(world.viewer).get("/api/v1/systems/").json()["results"]
    return next(system for system in systems if system["name"] == name)


def ask(world: World, series: Series, *systems: str) -> Any:
    address = f"/api/v1/series/{series.pk}/analyses/"
    return world.as_user(world.reader).post(address, {"systems": systems}, format="json")


@pytest.mark.parametrize("role", ROLES)
def test_everybody_who_is_signed_in_may_know_the_systems(world: World, role: str) -> None:
    client = world.as_role(role)
    assert client.get("/api/v1/systems/").status_code == (401 if role == "anonymous" else 200)
    assert client.get("/methods/").status_code == (302 if role == "anonymous" else 200)
    assert client.post("/api/v1/systems/", {}).status_code == (401 if role == "anonymous" else 405)


def test_a_system_whose_weights_did_well_is_ready_and_runs_by_itself(
    world: World, series: Series, folder: Path
) -> None:
    put_weights(folder, **READY)
    system = told(world)
    assert (system["state"], system["default"], system["version"]) == ("ready", True, "small-7")
    assert (system["auc"], system["auc_interval"]) == (0.97, [0.95, 0.99])
    assert system["probabilities"] == ["COVID-19"]
    assert ("COVID-19", "cam", "CAM") in {
        (one["class"], one["kind"], one["name"]) for one in system["heatmaps"]
    }
    assert (system["measures"], system["evidence"]) == (False, "ml")
    assert system["reads"]
    analysis = start_automatic(series.study)
    assert analysis is not None
    assert analysis.systems[:2] == ["density", "decovnet"]


@pytest.mark.parametrize("header", [{}, {"evaluation": {"auc": 0.89}}])
def test_a_demonstration_is_offered_and_runs_on_request_only(
    header: dict[str, Any], world: World, series: Series, folder: Path
) -> None:
    put_weights(folder, **header)
    assert (told(world)["state"], told(world)["default"]) == ("demonstration", False)
    analysis = start_automatic(series.study)
    assert analysis is not None
    assert "decovnet" not in analysis.systems
    asked = ask(world, series, "decovnet", "density")
    assert (asked.status_code, asked.json()["systems"]) == (202, ["density", "decovnet"])


def test_a_system_without_weights_is_neither_run_nor_accepted(
    world: World, series: Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_weights(monkeypatch, None)
    system = told(world)
    assert (system["state"], system["default"]) == ("no weights", False)
    assert not {"version", "auc", "auc_interval"} & system.keys()
    refused = ask(world, series, "density", "decovnet")
    assert (refused.status_code, refused.json()["code"]) == (409, "no_weights")
    assert refused.json()["message"] == "This site has no weights for DeCoVNet, so it cannot run."
    assert refused.json()["hint"] == "Choose from: density."
    analysis = start_automatic(series.study)
    assert analysis is not None
    assert analysis.systems == ["density"]


def test_weights_that_cannot_be_used_are_told_from_those_that_are_not_there(
    world: World, series: Series, folder: Path
) -> None:
    (folder / "decovnet.safetensors").write_bytes(b"damaged")
    assert told(world)["state"] == "no weights"
    assert "can not be used" in told(world)["reason"]
    assert ask(world, series, "decovnet").json()["message"] == told(world)["reason"]
    assert told(world)["reason"] in " ".join(
        world.as_user(world.viewer).get("/methods/").content.decode().split()
    )


def test_density_is_always_ready(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    use_weights(monkeypatch, None)
    density = told(world, "density")
    assert (density["state"], density["default"], density["probabilities"]) == ("ready", True, [])


def test_every_map_of_every_system_says_in_words_what_it_shows(world: World) -> None:
    systems = world.as_user(world.viewer).get("/api/v1/systems/").json()["results"]
    maps = {(told["name"], one["kind"]): one["about"] for told in systems for one in told["heatmaps"]}
    assert [key for key, about in maps.items() if not about] == []
    page = world.as_user(world.viewer).get("/methods/").content.decode()
    assert "Class activation map" in page


def test_the_schema_names_the_states(world: World) -> None:
    schema = world.as_user(world.viewer).get("/api/schema/?format=json").json()
    assert "/api/v1/systems/" in schema["paths"]
    assert {"state", "default", "auc"} <= schema["components"]["schemas"]["System"]["properties"].keys()
    assert ["ready", "demonstration", "no weights"] in [
        part["enum"] for part in schema["components"]["schemas"].values() if "enum" in part
    ]


def test_the_page_tells_state_skill_and_card_of_every_system(world: World, folder: Path) -> None:
    put_weights(folder, **READY)
    (folder / "decovnet.md").write_text("# decovnet small-7\n\nMade of `phantoms`.\n")
    page = " ".join(world.as_user(world.viewer).get("/methods/").content.decode().split())
    part = page[page.index('id="decovnet"') :]
    assert "Ready" in part
    assert "0.97 (0.95 to 0.99, 95 % interval)" in part
    assert "AUC on phantoms" in part
    assert "<h3>decovnet small-7</h3>" in part
    assert "<p>Made of <code>phantoms</code>.</p>" in part
    assert "Research use only. Not a medical device." in part
    assert 'id="lesions"' in page


def test_the_page_without_weights_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    use_weights(monkeypatch, None)
    page = world.as_user(world.viewer).get("/methods/").content.decode()
    assert "This site has no weights for it, so it cannot run." in " ".join(page.split())
    assert "<details" not in page[page.index('id="decovnet"') :]


def test_a_card_becomes_what_it_looks_like() -> None:
    items = "- first **bold**\n  goes on\n- second"
    html = as_html(
        f"# Title\n\nOne\nparagraph.\n\n{items}\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n    run me\n"
    )
    assert "<h3>Title</h3>" in html
    assert "<p>One\nparagraph.</p>" in html
    assert "<ul><li>first <strong>bold</strong>\n  goes on</li><li>second</li></ul>" in html
    assert '<th scope="col">a</th><th scope="col">b</th>' in html
    assert "<tbody><tr><td>1</td><td>2</td></tr></tbody>" in html
    assert "<pre>run me</pre>" in html


@pytest.mark.parametrize(
    "text",
    ["<script>alert(1)</script>", "# <img src=x onerror=alert(1)>", "| <b>x</b> |",
     "- [x](javascript:alert(1))", "    <script>", "`<script>`"],
)  # fmt: skip
def test_nothing_in_a_card_becomes_markup_of_its_own(text: str) -> None:
    html = as_html(text)
    assert not any(mark in html for mark in ("<script", "<img", "<b>", "javascript:"))
