"""What a worker stores and the API gives, against the phantom's truth."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
import zstandard

from diagnosis import pipeline
from diagnosis.results import Analysis as Found
from tests.webapp.analyses.conftest import Read
from tests.webapp.conftest import World
from webapp.analyses.models import Analysis, FoundRegion, LabelVolume, StoredHeatmap
from webapp.analyses.storing import store_results
from webapp.core import blobs, work
from webapp.core.models import WorkState

pytestmark = pytest.mark.django_db


def test_the_detail_holds_the_documents_keys_with_ids_in_place_of_files(world: World, analysed: Read) -> None:
    told = world.as_user(world.reader).get(f"/api/v1/analyses/{analysed.analysis.pk}/").json()
    assert told["state"] == "succeeded"
    assert told["series"] == str(analysed.series.pk)
    assert "hidden" not in told
    assert "error" not in told
    assert "queue_position" not in told
    results = told["results"]
    assert results["schema"] == 1
    assert results["lungs"]["right_ml"] > results["lungs"]["left_ml"]
    heatmap = results["systems"]["density"]["heatmaps"][0]
    assert "file" not in heatmap
    assert StoredHeatmap.objects.get(pk=heatmap["id"]).analysis == analysed.analysis
    percent = results["quantification"]["infected_percent"]
    assert percent == pytest.approx(analysed.phantom.infected_percent, abs=2)
    assert analysed.analysis.infected_percent == pytest.approx(percent)


def test_regions_lie_where_the_phantom_has_its_lesions(world: World, analysed: Read) -> None:
    client = world.as_user(world.reader)
    regions = client.get(f"/api/v1/analyses/{analysed.analysis.pk}/regions/").json()["results"]
    largest = max(regions, key=lambda region: region["volume_ml"])
    z, y, x = largest["centre"]
    assert analysed.phantom.ground_glass[z, y, x]
    assert largest["side"] == "right"
    z0, y0, x0, z1, y1, x1 = largest["box"]
    assert z0 <= largest["largest_slice"] < z1
    assert z0 <= z < z1
    assert y0 <= y < y1
    assert x0 <= x < x1
    assert {"id", "label", "system", "class", "evidence", "box_mm", "centre_mm"} <= largest.keys()
    assert "lobe" not in largest
    assert FoundRegion.objects.get(pk=largest["id"]).number == int(largest["label"][1:])


def test_the_label_volume_holds_every_region_under_its_number(world: World, analysed: Read) -> None:
    client = world.as_user(world.reader)
    base = f"/api/v1/analyses/{analysed.analysis.pk}/regions"
    answer = client.get(f"{base}/labels?system=density", headers={"Accept-Encoding": "zstd"})
    assert answer["Content-Encoding"] == "zstd"
    shape = tuple(int(length) for length in answer["X-Lungsight-Shape"].split(","))
    assert shape == analysed.phantom.volume.shape
    plain = zstandard.ZstdDecompressor().decompress(answer.content)
    labels = np.frombuffer(plain, answer["X-Lungsight-Dtype"]).reshape(shape)
    voxel_ml = analysed.phantom.volume.voxel_ml
    for region in client.get(f"{base}/").json()["results"]:
        number = int(region["label"][1:])
        assert (labels == number).sum() * voxel_ml == pytest.approx(region["volume_ml"], rel=1e-3)
        z0, y0, x0, z1, y1, x1 = region["box"]
        outside = labels.copy()
        outside[z0:z1, y0:y1, x0:x1] = 0
        assert not (outside == number).any()
        assert labels[tuple(region["centre"])] == number


@pytest.mark.parametrize(("accepted", "encoding"), [("gzip, br", "gzip"), ("identity", ""), ("zstd;q=0", "")])
def test_arrays_come_in_an_encoding_that_the_client_takes(
    accepted: str, encoding: str, world: World, analysed: Read
) -> None:
    answer = world.as_user(world.reader).get(
        f"/api/v1/analyses/{analysed.analysis.pk}/segmentations/lungs",
        headers={"Accept-Encoding": accepted, "Accept": "application/octet-stream"},
    )
    assert answer.status_code == 200
    assert answer.get("Content-Encoding", "") == encoding
    plain = gzip.decompress(answer.content) if encoding else answer.content
    lungs = np.frombuffer(plain, np.uint8).reshape(analysed.phantom.volume.shape)
    assert set(np.unique(lungs)) == {0, 1, 2}
    overlap = ((lungs == 1) & (analysed.phantom.lungs == 1)).sum() / (analysed.phantom.lungs == 1).sum()
    assert overlap > 0.9


def test_heatmaps_are_given_as_bytes_of_value_over_reference_on_their_own_grid(
    world: World, analysed: Read
) -> None:
    client = world.as_user(world.reader)
    heatmap = client.get(f"/api/v1/analyses/{analysed.analysis.pk}/heatmaps/").json()["results"][0]
    assert {"id", "system", "class", "kind", "reference", "threshold", "shape", "affine"} <= heatmap.keys()
    answer = client.get(heatmap["url"], headers={"Accept-Encoding": "zstd"})
    plain = zstandard.ZstdDecompressor().decompressobj().decompress(answer.content)
    shown = np.frombuffer(plain, np.uint8).reshape(heatmap["shape"])
    stored = StoredHeatmap.objects.get(pk=heatmap["id"])
    ratios = np.frombuffer(zstandard.decompress(blobs.read(stored.blob_id)), "<f2").reshape(heatmap["shape"])
    expected = np.rint(np.clip(ratios.astype(np.float32), 0, 1) * 255)
    assert np.array_equal(shown, expected)
    assert shown.max() > 0


def test_what_the_client_has_already_is_not_sent_again(world: World, analysed: Read) -> None:
    client = world.as_user(world.reader)
    address = f"/api/v1/analyses/{analysed.analysis.pk}/segmentations/lungs"
    etag = client.get(address)["ETag"]
    again = client.get(address, headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    stranger = world.as_user(world.stranger).get(address, headers={"If-None-Match": etag})
    assert stranger.status_code == 404


def test_a_system_that_did_not_run_and_an_unknown_segmentation_are_not_there(
    world: World, analysed: Read
) -> None:
    client = world.as_user(world.reader)
    base = f"/api/v1/analyses/{analysed.analysis.pk}"
    assert client.get(f"{base}/regions/labels?system=other").status_code == 404
    assert client.get(f"{base}/segmentations/lobes").status_code == 404


def test_a_late_writer_stores_no_row_of_its_results(analysed: Read, found: Found) -> None:
    document = pipeline.analysis_json(found, {})
    row = Analysis.objects.create(revision=analysed.series.current, systems=["density"])
    late = work.claim(Analysis, "late")
    assert late is not None
    Analysis.objects.filter(pk=row.pk).update(attempt=2)
    with pytest.raises(work.LostLease):
        store_results(analysis=late, found=found, document=document)
    assert Analysis.objects.get(pk=row.pk).state == WorkState.RUNNING
    for model in (LabelVolume, StoredHeatmap, FoundRegion):
        assert not model._default_manager.filter(analysis=row).exists()
