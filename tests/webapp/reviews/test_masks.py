from __future__ import annotations

import hashlib
import time

import numpy as np
import pytest

from tests.webapp.conftest import World
from tests.webapp.reviews.conftest import Desk, region_ids, stored
from webapp.analyses.factories import SHAPE, VOXEL_ML, ready_series
from webapp.analyses.models import Analysis
from webapp.imaging.models import Series
from webapp.reviews.models import RegionMask

pytestmark = pytest.mark.both_databases

BOX = (1, 2, 3, 4, 5, 8)
RING = np.zeros((3, 3, 5), bool)
RING[0, 0, 0] = RING[1, 2, 4] = RING[2, 1, 1] = True


@pytest.fixture
def desk(world: World, series: Series, analysis: Analysis) -> Desk:
    return Desk.begin(world.as_user(world.reader), series)


def packed(mask: np.ndarray) -> bytes:
    return np.packbits(mask, bitorder="big").tobytes()


def test_a_mask_drawn_for_a_region_makes_it_redrawn_and_comes_back_bit_for_bit(
    desk: Desk, analysis: Analysis
) -> None:
    region = region_ids(analysis)[0]
    assert desk.put_mask(region, BOX, packed(RING)).status_code == 200
    verdict = desk.reading["verdicts"][region]
    assert verdict["verdict"] == "redrawn"
    assert verdict["mask"]["sha256"] == hashlib.sha256(packed(RING)).hexdigest()
    assert verdict["mask"]["box"] == list(BOX)
    assert verdict["mask"]["volume_ml"] == pytest.approx(3 * VOXEL_ML)
    back = desk.client.get(f"{desk.url}regions/{region}/mask")
    assert back.content == packed(RING)
    assert back["X-Lungsight-Box"] == "1,2,3,4,5,8"
    assert back["X-Lungsight-Revision"] == "2"


def test_an_edit_makes_a_new_mask_and_leaves_the_old_one_as_it_was(desk: Desk, analysis: Analysis) -> None:
    region = region_ids(analysis)[0]
    desk.put_mask(region, BOX, packed(RING))
    first = RegionMask.objects.get()
    desk.put_mask(region, BOX, packed(~RING))
    kept = RegionMask.objects.get(pk=first.pk)
    assert (RegionMask.objects.count(), kept.blob_id, kept.voxels) == (2, first.blob_id, 3)


def test_going_back_to_redrawn_brings_the_drawing_back(desk: Desk, analysis: Analysis) -> None:
    region = region_ids(analysis)[0]
    desk.put_mask(region, BOX, packed(RING))
    desk.patch(verdicts={region: {"verdict": "accepted"}})
    assert "mask" not in desk.reading["verdicts"][region]
    assert desk.client.get(f"{desk.url}regions/{region}/mask").status_code == 404
    desk.patch(verdicts={region: {"verdict": "redrawn"}})
    assert desk.reading["verdicts"][region]["mask"]["box"] == list(BOX)


def test_own_regions_are_added_drawn_named_and_removed(desk: Desk) -> None:
    assert desk.post("regions", lesion_value=3).status_code == 201
    (own,) = desk.reading["own_regions"]
    assert (own["label"], own["lesion_value"], "mask" in own) == ("N1", 3, False)
    desk.put_mask(own["id"], BOX, packed(RING))
    assert desk.reading["own_regions"][0]["mask"]["volume_ml"] == pytest.approx(3 * VOXEL_ML)
    desk.patch(own_regions={own["id"]: {"lesion_value": 1}})
    assert desk.reading["own_regions"][0]["lesion_value"] == 1
    desk.post("regions")
    assert [region["label"] for region in desk.reading["own_regions"]] == ["N1", "N2"]
    assert desk.delete(f"regions/{own['id']}").status_code == 200
    assert [region["label"] for region in desk.reading["own_regions"]] == ["N2"]


def test_a_number_is_given_to_the_next_region_only_while_its_owner_is_gone_last(desk: Desk) -> None:
    desk.post("regions")
    desk.post("regions")
    desk.delete(f"regions/{desk.reading['own_regions'][0]['id']}")
    desk.post("regions")
    assert [region["label"] for region in desk.reading["own_regions"]] == ["N2", "N3"]


@pytest.mark.parametrize("value", [0, 5, 10, "many"])
def test_an_own_region_is_a_kind_of_infection(desk: Desk, value: object) -> None:
    assert desk.post("regions", lesion_value=value).status_code == 400
    assert desk.reading["own_regions"] == []


def test_an_empty_mask_is_kept_in_a_draft(desk: Desk, analysis: Analysis) -> None:
    region = region_ids(analysis)[0]
    assert desk.put_mask(region, BOX, bytes(6)).status_code == 200
    assert desk.reading["verdicts"][region]["mask"]["volume_ml"] == 0


@pytest.mark.parametrize(
    "box",
    ["", "1,2,3", "1,2,3,4,5,x", "-1,2,3,4,5,8", "1,2,3,1,5,8", "1,2,3,4,5,13", "0,0,0,7,1,1", "4,5,8,1,2,3",
     "1.0,2,3,4,5,8", "٣,2,3,4,5,8", "1,2,3,4,5,99999999999999999999"],
)  # fmt: skip
def test_a_box_that_is_not_inside_the_series_is_refused_in_words(
    desk: Desk, analysis: Analysis, box: str
) -> None:
    response = desk.put_mask(region_ids(analysis)[0], [box], packed(RING))
    assert (response.status_code, response.json()["code"]) == (400, "mask_invalid")
    assert response.json()["message"].endswith(".")
    assert stored(desk).revision == 1


@pytest.mark.parametrize("body", [b"", b"\xff", bytes(5), bytes(7), b"\x00" * 5 + b"\x01"])
def test_bits_that_do_not_fill_the_box_are_refused_in_words(
    desk: Desk, analysis: Analysis, body: bytes
) -> None:
    response = desk.put_mask(region_ids(analysis)[0], BOX, body)
    assert (response.status_code, response.json()["code"]) == (400, "mask_invalid")
    assert stored(desk).revision == 1
    assert not RegionMask.objects.exists()


def test_a_mask_larger_than_any_series_is_refused_before_it_is_kept(
    desk: Desk, analysis: Analysis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.reviews.api.MASK_LIMIT_BYTES", 3)
    response = desk.put_mask(region_ids(analysis)[0], BOX, packed(RING))
    assert (response.status_code, response.json()["code"]) == (413, "mask_too_large")


def test_a_mask_for_no_region_of_the_reading_is_not_found(desk: Desk) -> None:
    response = desk.put_mask("00000000-0000-4000-8000-000000000000", BOX, packed(RING))
    assert response.status_code == 404


def test_a_mask_based_on_an_old_revision_is_refused_with_the_stored_reading(
    desk: Desk, analysis: Analysis
) -> None:
    other_tab = Desk(desk.client, desk.reading)
    desk.patch(answers={"co_rads": 3})
    late = other_tab.put_mask(region_ids(analysis)[0], BOX, packed(RING))
    assert (late.status_code, late.json()["theirs"]["revision"]) == (409, 2)
    assert late.json()["yours"] == {"region": region_ids(analysis)[0], "box": list(BOX)}
    assert desk.client.get(desk.url).json()["verdicts"] == {}


def test_a_mask_of_300_slices_is_saved_in_one_piece(world: World) -> None:
    series = ready_series(world.cohort, shape=(300, 512, 512))
    desk = Desk.begin(world.as_user(world.reader), series)
    desk.post("regions")
    own = desk.reading["own_regions"][0]["id"]
    body = np.random.default_rng(0).integers(0, 256, 300 * 512 * 64, np.uint8).tobytes()
    started = time.monotonic()
    response = desk.put_mask(own, (0, 0, 0, 300, 512, 512), body)
    assert response.status_code == 200, response.json()
    assert time.monotonic() - started < 10
    assert desk.client.get(f"{desk.url}regions/{own}/mask").content == body


def test_a_mask_may_touch_every_face_of_the_series(desk: Desk, analysis: Analysis) -> None:
    whole = np.ones(SHAPE, bool)
    assert desk.put_mask(region_ids(analysis)[0], (0, 0, 0, *SHAPE), packed(whole)).status_code == 200
