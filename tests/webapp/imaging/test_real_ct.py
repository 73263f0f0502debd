"""Real chest CTs go the whole way in: every slice accepted, the series ready, the stream there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.webapp.imaging.conftest import Sender

pytestmark = [pytest.mark.sample_data, pytest.mark.timeout(600)]


@pytest.mark.parametrize(
    ("name", "slices", "spacing"),
    [
        ("covid-P001", 148, 2.0),
        ("cap-cap001", 168, 2.0),
        ("normal-normal001", 154, 2.0),
        ("nodule-LIDC-IDRI-0001", 133, 2.5),
    ],
)
def test_a_real_chest_becomes_ready(
    name: str, slices: int, spacing: float, send: Sender, sample_data: Path
) -> None:
    folder = sample_data / "chest-ct" / name
    upload = send([path for path in folder.rglob("*") if path.is_file()])
    series = send.series(upload)
    assert [file["outcome"] for file in upload["files"]].count("accepted") == slices
    assert (series["state"], series["reason"]) == ("ready", "")
    assert series["volume"]["shape"] == [slices, 512, 512]
    assert series["volume"]["spacing_mm"][0] == pytest.approx(spacing, abs=0.01)
    stream = b"".join(
        send.client.get(series["volume"]["url"], headers={"accept-encoding": ""}).streaming_content
    )
    assert len(stream) == 2 * slices * 512 * 512


@pytest.mark.parametrize(
    "name", ["gantrytilting", "notavolume", "slicecount", "sliceincrement", "sliceorientation"]
)
def test_what_is_no_volume_is_refused_in_words(name: str, send: Sender, sample_data: Path) -> None:
    files = [path for path in (sample_data / "bad-geometry" / name).rglob("*") if path.is_file()]
    upload = send(files)
    report = send.report(upload)
    assert all(outcome in ("accepted", "held") or reason for outcome, reason in report.values())
    for series in send.upload(upload)["series"]:
        shown = send.client.get(f"/api/v1/series/{series}/").json()
        assert shown["state"] == "unusable"
        assert shown["reason"]
