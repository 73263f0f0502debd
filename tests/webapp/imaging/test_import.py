"""``manage.py import``: the same service from the command line."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.webapp.conftest import World
from tests.webapp.imaging.conftest import SLICES, run_checks
from webapp.imaging.models import Series, SeriesState, Study, Upload


def test_it_imports_a_folder_and_says_what_was_not_taken(world: World, slices: list[Path]) -> None:
    (slices[0].parent / "below").mkdir()
    (slices[0].parent / "below" / "notes.txt").write_text("hello")
    said = io.StringIO()
    call_command("import", str(slices[0].parent), cohort="north", stdout=said)

    assert f"{SLICES} accepted, 1 refused" in said.getvalue()
    assert "notes.txt: refused. This is a text file, not a CT." in said.getvalue()
    assert Upload.objects.get().user == world.administrator
    assert Study.objects.get().hospital == world.north
    run_checks()
    assert Series.objects.get().state == SeriesState.READY


def test_it_imports_for_a_named_user(world: World, slices: list[Path]) -> None:
    call_command("import", str(slices[0]), cohort="north", user="reader@example.org", stdout=io.StringIO())
    assert Upload.objects.get().user == world.reader


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("missing", {"cohort": "north"}),
        (".", {"cohort": "none"}),
        (".", {"cohort": "north", "user": "nobody@example.org"}),
        (".", {"cohort": "north", "pseudonym": "<b>"}),
        ("empty", {"cohort": "north"}),
    ],
)
def test_it_says_in_one_sentence_what_is_wrong(
    path: str, options: dict[str, str], world: World, slices: list[Path]
) -> None:
    (slices[0].parent / "empty").mkdir()
    with pytest.raises(CommandError, match=r"\.$|\+ -$"):
        call_command("import", str(slices[0].parent / path), stdout=io.StringIO(), **options)
    assert not Upload.objects.exists()
