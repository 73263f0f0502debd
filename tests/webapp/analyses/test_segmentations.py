"""Lobes, lesion types and the regions of the lesion segmentation: stored, given, hidden, absent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import zstandard

from diagnosis import pipeline
from diagnosis.results import CONSOLIDATION, EFFUSION, GROUND_GLASS, Analysis, Region
from diagnosis.volume import LabelArray, millimetres, voxel_ml_of
from tests.phantoms import ChestPhantom
from tests.webapp.analyses.conftest import Read
from tests.webapp.conftest import World
from webapp.analyses.factories import SHAPE, box_mask, finished_analysis, ready_series
from webapp.analyses.models import Analysis as Row
from webapp.analyses.storing import store_results
from webapp.analyses.visibility import reveal
from webapp.cohorts.models import AIPolicy
from webapp.core import work
from webapp.imaging.models import Series
from webapp.reviews.content import versions_of

pytestmark = pytest.mark.django_db

PARTS = ("segmentations/lobes", "segmentations/lesions", "regions/", "regions/labels?system=lesions")
LESION = (10, 60, 40, 14, 70, 56)
"""Ground glass, its upper slice consolidation; far to the right, so that a flipped axis shows."""


def lobes_of(phantom: ChestPhantom) -> LabelArray:
    """Return RLL and LLL in the lower half, RUL and LUL above."""
    lungs = phantom.lungs
    lobes = np.choose(lungs, (0, 3, 5)).astype(np.uint8)
    half = len(lungs) // 2
    lobes[half:] = np.choose(lungs[half:], (0, 1, 4))
    return lobes


def lesions_of(phantom: ChestPhantom) -> LabelArray:
    lesions = np.zeros(phantom.volume.shape, np.uint8)
    z0, y0, x0, z1, y1, x1 = LESION
    lesions[z0:z1, y0:y1, x0:x1] = GROUND_GLASS
    lesions[z1 - 1, y0:y1, x0:x1] = CONSOLIDATION
    lesions[2, 5:9, 3:5] = EFFUSION
    return lesions


def region_of(phantom: ChestPhantom) -> Region:
    z0, y0, x0, z1, y1, x1 = LESION
    mask = np.ones((z1 - z0, y1 - y0, x1 - x0), bool)
    return Region(
        id="R1", class_name="ground glass", volume_ml=mask.size * voxel_ml_of(phantom.volume.affine),
        side="right", lobe="RLL", evidence=0.8, origin=(z0, y0, x0), mask=mask,
        box_mm=(0, 0, 0, 1, 1, 1),
        centre_mm=millimetres(phantom.volume.affine, (z0 + 1.0, y0 + 2.0, x0 + 2.0)),
    )  # fmt: skip


@pytest.fixture
def segmented(series: Series, phantom: ChestPhantom, found: Analysis) -> Read:
    """The phantom as a worker with all networks stores it."""
    made = replace(
        found,
        lobes=lobes_of(phantom),
        lesions=lesions_of(phantom),
        regions=[region_of(phantom)],
        segmentation={"lungs": "network 1", "lobes": "network 1", "lesions": "network 2"},
    )
    Row.objects.create(revision=series.current, systems=["density"])
    claimed = work.claim(Row, "test")
    assert claimed is not None
    document = pipeline.analysis_json(made, {"grade": "full"}) | {"segmentation": dict(made.segmentation)}
    store_results(analysis=claimed, found=made, document=document)
    claimed.refresh_from_db()
    return Read(phantom, series, claimed)


def labels_at(world: World, read: Read, part: str) -> LabelArray:
    """Return the label volume as the reader's viewer gets it."""
    answer = world.as_user(world.reader).get(
        f"/api/v1/analyses/{read.analysis.pk}/{part}", headers={"Accept-Encoding": "zstd"}
    )
    assert answer.status_code == 200
    assert answer["X-Lungsight-Dtype"] == "uint8"
    plain = zstandard.ZstdDecompressor().decompress(answer.content)
    return np.frombuffer(plain, np.uint8).reshape(read.phantom.volume.shape)


def test_lobes_and_lesions_come_back_voxel_by_voxel(world: World, segmented: Read) -> None:
    assert np.array_equal(labels_at(world, segmented, PARTS[0]), lobes_of(segmented.phantom))
    assert np.array_equal(labels_at(world, segmented, PARTS[1]), lesions_of(segmented.phantom))


def test_the_regions_of_the_lesion_segmentation_stand_beside_those_of_the_systems(
    world: World, segmented: Read
) -> None:
    client = world.as_user(world.reader)
    regions = client.get(f"/api/v1/analyses/{segmented.analysis.pk}/regions/").json()["results"]
    (lesion,) = [region for region in regions if region["system"] == "lesions"]
    others = {region["label"] for region in regions if region["system"] == "density"}
    assert lesion["label"] == "S1"
    assert "R1" in others
    assert (lesion["class"], lesion["side"], lesion["lobe"]) == ("ground glass", "right", "RLL")
    assert lesion["box"] == list(LESION)
    labels = labels_at(world, segmented, PARTS[3])
    assert np.array_equal(labels == 1, box_mask(labels.shape, LESION))
    assert labels[tuple(lesion["centre"])] == 1


def test_the_signature_will_name_what_segmented(segmented: Read) -> None:
    versions = versions_of(segmented.analysis)
    assert versions["lesions"] == "network 2"
    assert versions["density"] == segmented.analysis.results["systems"]["density"]["version"]


def test_what_was_not_made_is_not_there(world: World, analysed: Read) -> None:
    client = world.as_user(world.reader)
    base = f"/api/v1/analyses/{analysed.analysis.pk}"
    for part in (*PARTS[:2], PARTS[3], "segmentations/regions", "segmentations/vessels"):
        assert client.get(f"{base}/{part}").status_code == 404, part
    regions = client.get(f"{base}/regions/").json()["results"]
    assert {region["system"] for region in regions} == {"density"}


@pytest.mark.parametrize("policy", [AIPolicy.NEVER, AIPolicy.AFTER_FIRST_ANSWERS])
def test_hidden_segmentations_are_absent_everywhere(policy: AIPolicy, world: World, segmented: Read) -> None:
    world.cohort.ai_policy = policy
    world.cohort.save()
    for role in ("reader", "lead", "data_manager", "administrator"):
        client = world.as_role(role)
        for part in PARTS:
            answer = client.get(f"/api/v1/analyses/{segmented.analysis.pk}/{part}")
            assert (answer.status_code, answer.json()["code"]) == (403, "ai_hidden"), (role, part)
        told = client.get(f"/api/v1/analyses/{segmented.analysis.pk}/").content
        for word in (b"segmentation", b"severity", b"lobes", b"network", b"infected"):
            assert word not in told, (role, word)


def test_a_reveal_shows_the_segmentations_to_that_reader_only(world: World, segmented: Read) -> None:
    world.cohort.ai_policy = AIPolicy.AFTER_FIRST_ANSWERS
    world.cohort.save()
    reveal(reader=world.reader, series=segmented.series)
    for part in PARTS:
        address = f"/api/v1/analyses/{segmented.analysis.pk}/{part}"
        assert world.as_user(world.reader).get(address).status_code == 200, part
        assert world.as_user(world.lead).get(address).status_code == 403, part


@pytest.mark.parametrize("part", PARTS)
def test_strangers_and_nobody_get_no_segmentation(part: str, world: World) -> None:
    series = ready_series(world.cohort)
    lesions = box_mask(SHAPE, (1, 2, 3, 3, 5, 7)).astype(np.uint8)
    analysis = finished_analysis(
        series, {"lesions": [lesions > 0]}, segmentations={"lobes": lesions, "lesions": lesions}
    )
    for role, status in {"viewer": 200, "stranger": 404, "anonymous": 401}.items():
        answer = world.as_role(role).get(f"/api/v1/analyses/{analysis.pk}/{part}")
        assert answer.status_code == status, role


def test_a_list_of_regions_costs_the_same_for_one_and_for_many(
    world: World, django_assert_max_num_queries: object
) -> None:
    masks = [box_mask(SHAPE, (z, 2, 3, z + 1, 5, 7)) for z in range(6)]
    analysis = finished_analysis(ready_series(world.cohort), {"lesions": masks, "density": masks})
    client = world.as_user(world.reader)
    with django_assert_max_num_queries(8):  # type: ignore[operator]
        answer = client.get(f"/api/v1/analyses/{analysis.pk}/regions/").json()
    assert len(answer["results"]) == 12
