"""The shell of every page, sign-in and the built frontend's files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.template import Context, Template
from django.test import Client

from tests.webapp.conftest import World
from webapp.core.spreadsheets import safe_cell

MANIFEST = {
    "_base.css": {"file": "assets/base-11111111.css"},
    "_shared.js": {"file": "assets/shared-22222222.js", "css": ["assets/extra-55555555.css"]},
    "src/pages/site.ts": {
        "file": "assets/site-33333333.js",
        "imports": ["_shared.js"],
        "css": ["assets/site-44444444.css", "assets/base-11111111.css"],
    },
}


def render(source: str, **context: Any) -> str:
    return Template("{% load site %}" + source).render(Context(context))


def test_entries_are_linked_by_the_names_of_the_build_with_shared_styles_first(
    settings: Any, tmp_path: Path
) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps(MANIFEST))
    settings.FRONTEND_DIST = tmp_path
    html = render('{% vite "pages/site" %}')
    styles = re.findall(r'href="/static/app/assets/(\w+)-', html)
    assert styles[0] == "base"
    assert sorted(styles) == ["base", "extra", "site"]
    assert '<script type="module" src="/static/app/assets/site-33333333.js"></script>' in html


def test_a_missing_build_says_what_to_do(settings: Any, tmp_path: Path) -> None:
    settings.FRONTEND_DIST = tmp_path
    with pytest.raises(ImproperlyConfigured, match="make install"):
        render('{% vite "pages/site" %}')


@pytest.mark.parametrize(("value", "shown"), [(None, "–"), ("", "–"), (0, "0"), ("NP", "NP")])
def test_only_missing_values_are_dashes(value: Any, shown: str) -> None:
    assert render("{{ value|dash }}", value=value) == shown


@pytest.mark.parametrize(
    ("value", "cell"), [("=1+1", "'=1+1"), ("@x", "'@x"), (-3, -3), (None, ""), ("P-1", "P-1")]
)
def test_no_cell_starts_a_formula(value: Any, cell: Any) -> None:
    assert safe_cell(value) == cell


def test_the_theme_comes_from_the_browser_and_is_dark_unless_it_is_light(world: World) -> None:
    client = world.anonymous
    for cookie, theme in (("", "dark"), ("light", "light"), ("<script>", "dark")):
        client.cookies["lungsight_theme"] = cookie
        assert f'data-bs-theme="{theme}"' in client.get("/accounts/login/").content.decode()


def test_the_menu_shows_only_what_a_person_may_do(world: World) -> None:
    def links(role: str) -> set[str]:
        page = world.as_role(role).get("/accounts/password/change/").content.decode()
        return set(re.findall(r'href="(/(?:worklist|upload|cohorts|manage)/)"', page))

    assert links("viewer") == {"/worklist/", "/cohorts/"}
    assert links("reader") == {"/worklist/", "/cohorts/", "/upload/"}
    assert links("administrator") == {"/worklist/", "/cohorts/", "/upload/", "/manage/"}


@pytest.mark.parametrize(
    ("role", "address"),
    [("anonymous", "/accounts/login/"), ("reader", "/accounts/password/change/"), ("reader", "/upload/")],
)
def test_every_page_says_what_it_is_not(role: str, address: str, world: World) -> None:
    assert b"Research use only. Not a medical device." in world.as_role(role).get(address).content


def test_wrong_passwords_get_one_clear_sentence(world: World) -> None:
    form = {"login": "reader@example.org", "password": "wrong"}
    page = Client().post("/accounts/login/", form).content.decode()
    assert "That e-mail address and password do not match." in page
    assert 'value="reader@example.org"' in page


def test_too_many_wrong_passwords_pause_sign_in_in_words(world: World, settings: Any) -> None:
    settings.AXES_ENABLED = True
    form = {"login": "reader@example.org", "password": "wrong"}
    answers = [Client().post("/accounts/login/", form) for _ in range(11)]
    assert answers[0].status_code == 200
    assert answers[-1].status_code == 429
    assert "Sign-in is paused" in answers[-1].content.decode()
