"""From files on a desk to a study in the worklist."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload

from tests.e2e.desk import Desk
from tests.e2e.reading import send
from tests.e2e.stack import Site
from tests.phantoms import chest_phantom, write_dicom_series, write_nifti

CHECK_SECONDS = 90
ANALYSIS_SECONDS = 180


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as people have it: a series in a subfolder, and things that are no scans."""
    write_dicom_series(chest_phantom(seed=11).volume, tmp_path / "study" / "series")
    (tmp_path / "study" / "readme.txt").write_text("from the archive")
    (tmp_path / "study" / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(64))
    first = sorted((tmp_path / "study" / "series").iterdir())[0]
    (tmp_path / "study" / "cut.dcm").write_bytes(first.read_bytes()[:700])
    return tmp_path / "study"


def settled(desk: Desk) -> str:
    """Wait for the report to be final and give its words."""
    report = desk.page.locator("#report section[data-settled=yes]")
    desk.until(report.count, "the report was final", CHECK_SECONDS)
    return report.inner_text()


def test_a_folder_goes_from_the_desk_to_the_worklist_by_itself(reader: Desk, folder: Path) -> None:
    watching = reader.page
    before = watching.locator("tr[data-series]").count()
    sending = reader.go("/upload/", reader.new_page())
    sending.set_input_files("#folder", folder)
    report = sending.locator("#report section[data-settled=yes]")
    reader.until(report.count, "the report was final", CHECK_SECONDS)
    words = report.inner_text()
    assert "1 ready" in words
    assert "not accepted" in words
    report.locator("details summary").first.click()
    reader.shot("report", sending)
    for name in ("readme.txt", "photo.jpg", "cut.dcm"):
        assert sending.locator("#report .files li", has_text=name).count() == 1 or name in words

    def arrived() -> bool:
        more = watching.locator("#show-new")
        if more.is_visible():
            more.click()
        return watching.locator("tr[data-series]").count() > before

    reader.until(arrived, "the worklist showed the study by itself", CHECK_SECONDS)
    done = watching.locator("tr[data-analysis-state=succeeded]")
    reader.until(done.count, "the worklist showed the result by itself", ANALYSIS_SECONDS)
    assert watching.locator("td.c-infected .num").first.inner_text() != "–"
    reader.shot("worklist", watching)

    address = sending.url.removeprefix(reader.site.url)
    sending.close()
    reader.go(address)
    assert "1 ready" in reader.page.locator("#report").inner_text()


def test_dropped_files_are_sent_too(reader: Desk, tmp_path: Path) -> None:
    reader.go("/upload/")
    transfer = reader.page.evaluate_handle(
        "() => { const t = new DataTransfer(); t.items.add(new File(['no scan'], 'notes.txt')); return t; }"
    )
    reader.page.dispatch_event("#drop", "drop", {"dataTransfer": transfer})
    words = settled(reader)
    assert "notes.txt" in words
    assert "Not accepted" in words


def test_a_zip_is_opened_and_the_same_images_are_named_as_already_here(
    reader: Desk, folder: Path, tmp_path: Path
) -> None:
    archive = tmp_path / "study.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for file in (folder / "series").iterdir():
            packed.write(file, f"inside/{file.name}")
    reader.go("/upload/")
    reader.page.set_input_files("#files", archive)
    assert "1 ready" in settled(reader)
    reader.go("/upload/")
    reader.page.set_input_files("#files", archive)
    assert "Already here" in settled(reader)


def test_nifti_waits_for_a_pseudonym(reader: Desk, tmp_path: Path) -> None:
    volume = write_nifti(chest_phantom(seed=12).volume, tmp_path / "ct.nii.gz")
    reader.go("/upload/")
    reader.page.set_input_files("#files", volume)
    error = reader.page.locator("#pseudonym-error")
    assert "Type a pseudonym" in error.inner_text()
    assert reader.page.evaluate("document.activeElement.id") == "pseudonym"
    reader.shot("pseudonym")
    reader.page.fill("#pseudonym", "NIFTI-12")
    reader.page.click("#again")
    assert "Patient NIFTI-12" in settled(reader)


def test_300_files_go_in_batches_and_the_report_counts_all(reader: Desk) -> None:
    files: list[FilePayload] = [
        {"name": f"note-{number}.txt", "mimeType": "text/plain", "buffer": b"no scan"}
        for number in range(300)
    ]
    requests: list[str] = []
    reader.page.on("request", lambda one: requests.append(one.url) if one.method == "POST" else None)
    reader.go("/upload/")
    reader.page.set_input_files("#files", files)
    words = settled(reader)
    assert "300 files not accepted" in words
    assert sum("/uploads/" in url for url in requests) == 3


def test_a_lost_connection_is_waited_out(reader: Desk, folder: Path) -> None:
    reader.forgive("ERR_FAILED")
    reader.go("/upload/")
    failures = iter([True, True])
    reader.page.route(
        "**/api/v1/uploads/", lambda route: route.abort() if next(failures, False) else route.continue_()
    )
    reader.page.set_input_files("#files", [folder / "readme.txt"])
    trouble = reader.page.locator("#trouble")
    reader.until(trouble.is_visible, "the page said that the connection was lost")
    assert "goes on by itself" in trouble.inner_text()
    assert "readme.txt" in settled(reader)
    assert trouble.is_hidden()


def test_who_may_not_see_a_study_does_not_see_it(
    open_desk: Callable[..., Desk], site: Site, reader: Desk, folder: Path
) -> None:
    series = send(reader, folder / "series")
    site.add_cohort("elsewhere")
    stranger = site.add_user("stranger@example.org", "reader", "elsewhere")
    other = open_desk()
    other.sign_in(stranger)
    other.go("/worklist/?state=all")
    assert other.page.locator("tr[data-series]").count() == 0
    assert "No studies yet" in other.page.inner_text("main")
    other.forgive("status of 404")
    assert other.page.request.get(f"{site.url}/api/v1/series/{series}/").status == 404
    for address in (f"/series/{series}/", "/cohorts/demo/"):
        answer = other.page.goto(f"{site.url}{address}")
        assert answer is not None
        assert answer.status == 404
        assert "There is nothing here that you may see." in other.page.inner_text("body")
