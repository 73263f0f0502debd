"""The demo's studies: made once, in the background, by another process; a failure stops nothing."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.phantoms import chest_phantom, write_dicom_series
from webapp.accounts.models import User
from webapp.audit.models import AuditEvent
from webapp.imaging.models import FileOutcome, Series, Upload, UploadedFile
from webapp.supervisor import demo_studies
from webapp.supervisor.demo import ADMINISTRATOR, demo_accounts
from webapp.supervisor.demo_studies import DemoStudy, make_demo_studies, want_demo_studies, wanted
from webapp.supervisor.part import Errand


@pytest.fixture
def data(tmp_path: Path, settings: Any) -> Path:
    """An empty data folder whose demo has just been made."""
    settings.LUNGSIGHT_DATA = tmp_path
    demo_accounts(tmp_path)
    want_demo_studies(tmp_path)
    return tmp_path


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[DemoStudy]:
    """Let a quick copy stand in for the phantom's command; return what was asked for."""
    asked: list[DemoStudy] = []
    for number, study in enumerate(demo_studies.STUDIES):
        folder = tmp_path / "ready" / study.kind / "dicom"
        folder.mkdir(parents=True)
        write_dicom_series(chest_phantom(slices=6 + number, size=32).volume, folder)

    def copying(study: DemoStudy, folder: Path) -> Sequence[str]:
        asked.append(study)
        code = "import shutil, sys; shutil.copytree(*sys.argv[1:])"
        return [sys.executable, "-c", code, str(tmp_path / "ready" / study.kind), str(folder)]

    monkeypatch.setattr(demo_studies, "phantom_command", copying)
    return asked


def full_disk(study: DemoStudy, folder: Path) -> Sequence[str]:
    return [sys.executable, "-c", "import sys; sys.stderr.write('The disk is full.\\n'); sys.exit(3)"]


@pytest.mark.django_db
def test_each_class_is_imported_once_like_any_upload(data: Path, made: list[DemoStudy]) -> None:
    call_command("demo_studies")
    assert [study.kind for study in made] == ["covid", "cap", "np"]
    assert Upload.objects.filter(receiving=False, cohort__slug="demo").count() == 3
    assert set(Upload.objects.values_list("user__email", flat=True)) == {ADMINISTRATOR}
    assert set(UploadedFile.objects.values_list("outcome", flat=True)) == {FileOutcome.ACCEPTED}
    assert Series.objects.count() == 3
    assert AuditEvent.objects.filter(action="upload.completed").count() == 3
    assert not (data / "demo-studies").exists()
    call_command("demo_studies")
    assert len(made) == 3
    assert wanted(data) == []


@pytest.mark.django_db
def test_a_study_that_fails_is_named_in_the_log_and_the_others_are_made(
    data: Path, made: list[DemoStudy], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    copying = demo_studies.phantom_command
    monkeypatch.setattr(
        demo_studies,
        "phantom_command",
        lambda study, to: (full_disk if study.kind == "cap" else copying)(study, to),
    )
    with caplog.at_level(logging.ERROR), pytest.raises(CommandError, match="Not all demo studies"):
        call_command("demo_studies")
    assert "the demo study cap could not be made: The disk is full." in caplog.text
    assert [study.kind for study in wanted(data)] == ["cap"]
    assert Series.objects.count() == 2
    monkeypatch.setattr(demo_studies, "phantom_command", copying)
    assert make_demo_studies(data)
    assert made[-1].kind == "cap"
    assert Series.objects.count() == 3


@pytest.mark.django_db
def test_without_the_demo_nothing_is_made(tmp_path: Path, made: list[DemoStudy]) -> None:
    User.objects.create_user(email="somebody@example.org", password="x" * 20)
    assert demo_accounts(tmp_path) == []
    assert make_demo_studies(tmp_path)
    assert made == []


def test_the_command_is_the_documented_one(tmp_path: Path) -> None:
    command = demo_studies.phantom_command(DemoStudy("cap", 5, "ember-standard"), tmp_path)
    assert command[:4] == [sys.executable, "-m", "diagnosis", "phantom"]
    given = dict(zip(command[4::2], command[5::2], strict=True))
    assert (given["--seed"], given["--class"], given["--out"]) == ("5", "cap", str(tmp_path))
    assert given["--scanner"] == "ember-standard"


@pytest.mark.parametrize(("code", "told"), [("0", None), ("3", "errand failed (exit 3). See ")])
def test_an_errand_ends_by_itself_and_tells_of_its_failure_once(
    code: str, told: str | None, tmp_path: Path
) -> None:
    errand = Errand("errand", [sys.executable, "-c", f"raise SystemExit({code})"], {}, tmp_path)
    errand.start()
    deadline = time.monotonic() + 20
    while errand.pid is not None and time.monotonic() < deadline:
        time.sleep(0.02)
    said = errand.look()
    assert (said is None) if told is None else (said or "").startswith(told)
    assert errand.look() is None
    assert errand.pid is None


def test_what_is_wanted_is_kept_as_json(tmp_path: Path) -> None:
    want_demo_studies(tmp_path)
    assert json.loads((tmp_path / "demo-studies.json").read_text()) == ["covid", "cap", "np"]
