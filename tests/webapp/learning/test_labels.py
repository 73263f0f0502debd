from __future__ import annotations

import numpy as np
import pytest

from diagnosis.results import CONSOLIDATION, CRAZY_PAVING, GROUND_GLASS
from tests.webapp.conftest import ROLES, World
from webapp.analyses.factories import SHAPE, box_mask, finished_analysis, ready_series
from webapp.imaging.models import Series
from webapp.learning.models import LabelKind, TrainingLabel
from webapp.learning.services import make_labels
from webapp.reviews.factories import answered, draft, drawn, judged, own_region, signed, signed_as_it_is
from webapp.reviews.masks import read_mask
from webapp.reviews.models import Judgement, Reading, RejectionReason

FIRST, SECOND = (1, 2, 3, 3, 5, 7), (4, 6, 0, 5, 9, 2)
DRAWN = (0, 1, 1, 2, 4, 5)


@pytest.fixture
def series(world: World) -> Series:
    return ready_series(world.cohort)


def taught(reading: Reading) -> list[tuple[str, int | None, str, str]]:
    return [(row.kind, row.lesion_value, row.reason, row.system) for row in reading.training_labels.all()]


def placed(label: TrainingLabel) -> np.ndarray:
    assert label.mask is not None
    z0, y0, x0, z1, y1, x1 = label.mask.box
    whole = np.zeros(SHAPE, bool)
    whole[z0:z1, y0:y1, x0:x1] = read_mask(label.mask)
    return whole


@pytest.mark.parametrize(
    ("system", "judgement", "reason", "expected"),
    [
        ("density", Judgement.ACCEPTED, None, (LabelKind.POINTER, None, "", "density")),
        ("lesions", Judgement.ACCEPTED, None, (LabelKind.OUTLINE, 4, "", "lesions")),
        (
            "density", Judgement.REJECTED, RejectionReason.VESSEL,
            (LabelKind.FALSE_EVIDENCE, None, "vessel", "density"),
        ),
        ("density", Judgement.UNSURE, None, (LabelKind.UNSURE, None, "", "density")),
    ],
)  # fmt: skip
def test_a_verdict_becomes_the_label_of_its_kind_on_the_voxels_of_the_region(
    world: World,
    series: Series,
    system: str,
    judgement: Judgement,
    reason: RejectionReason | None,
    expected: tuple[str, int | None, str, str],
) -> None:
    hollow = box_mask(SHAPE, FIRST)
    hollow[1, 3, 4] = False
    finished_analysis(series, {system: [box_mask(SHAPE, SECOND), hollow]})
    reading = judged(answered(draft(world.reader, series)), Judgement.UNSURE, numbers={1})
    reading = signed_as_it_is(judged(reading, judgement, numbers={2}, reason=reason))
    labels = list(reading.training_labels.all())
    assert taught(reading)[1] == expected
    assert np.array_equal(placed(labels[1]), hollow)
    assert np.array_equal(placed(labels[0]), box_mask(SHAPE, SECOND))


def test_an_accepted_lesion_teaches_an_outline_of_each_type_in_it(world: World, series: Series) -> None:
    lesions = np.zeros(SHAPE, np.uint8)
    lesions[box_mask(SHAPE, FIRST)] = GROUND_GLASS
    lesions[2, 3, 4] = CONSOLIDATION
    lesions[2, 3, 8] = CRAZY_PAVING
    finished_analysis(series, {"lesions": [box_mask(SHAPE, FIRST)]}, segmentations={"lesions": lesions})
    reading = signed(world.reader, series)
    assert taught(reading) == [
        (LabelKind.OUTLINE, GROUND_GLASS, "", "lesions"),
        (LabelKind.OUTLINE, CONSOLIDATION, "", "lesions"),
    ]
    for label in reading.training_labels.all():
        assert np.array_equal(placed(label), (lesions == label.lesion_value) & box_mask(SHAPE, FIRST))


@pytest.mark.parametrize("judgement", [Judgement.REJECTED, Judgement.UNSURE])
def test_a_lesion_that_is_not_accepted_teaches_no_type(
    world: World, series: Series, judgement: Judgement
) -> None:
    lesions = box_mask(SHAPE, FIRST).astype(np.uint8)
    finished_analysis(series, {"lesions": [lesions > 0]}, segmentations={"lesions": lesions})
    reason = RejectionReason.VESSEL if judgement == Judgement.REJECTED else None
    reading = signed_as_it_is(judged(answered(draft(world.reader, series)), judgement, reason=reason))
    (label,) = reading.training_labels.all()
    assert label.lesion_value is None
    assert np.array_equal(placed(label), lesions > 0)


def test_a_redrawn_region_teaches_what_was_drawn(world: World, series: Series) -> None:
    analysis = finished_analysis(series, {"density": [box_mask(SHAPE, FIRST)]})
    reading = drawn(answered(draft(world.reader, series)), analysis.regions.get().pk, box_mask(SHAPE, DRAWN))
    reading = signed_as_it_is(reading)
    assert taught(reading) == [(LabelKind.OUTLINE, 4, "", "density")]
    assert np.array_equal(placed(reading.training_labels.get()), box_mask(SHAPE, DRAWN))


def test_own_regions_teach_outlines_of_their_kind_and_the_tick_teaches_background(
    world: World, series: Series
) -> None:
    reading = own_region(answered(draft(world.reader, series), nothing_else=True), box_mask(SHAPE, DRAWN), 3)
    reading = signed_as_it_is(reading)
    assert taught(reading) == [(LabelKind.OUTLINE, 3, "", ""), (LabelKind.BACKGROUND, None, "", "")]
    assert reading.training_labels.get(kind=LabelKind.BACKGROUND).mask is None


def test_a_draft_teaches_nothing(world: World, series: Series) -> None:
    finished_analysis(series, {"density": [box_mask(SHAPE, FIRST)]})
    judged(answered(draft(world.reader, series)))
    assert not TrainingLabel.objects.exists()


def test_labels_are_made_once(world: World, series: Series) -> None:
    finished_analysis(series, {"density": [box_mask(SHAPE, FIRST)]})
    reading = signed(world.reader, series)
    before = list(reading.training_labels.all())
    assert make_labels(reading=reading) == before
    assert list(reading.training_labels.all()) == before


@pytest.mark.parametrize("role", ROLES)
def test_who_lists_training_labels(world: World, series: Series, role: str) -> None:
    finished_analysis(series, {"density": [box_mask(SHAPE, FIRST)]})
    reading = signed(world.reader, series)
    response = world.as_role(role).get("/api/v1/cohorts/north/labels/")
    allowed = role in ("administrator", "lead", "data_manager")
    code = {"anonymous": 401, "stranger": 404}.get(role, 200 if allowed else 403)
    assert response.status_code == code
    if not allowed:
        return
    (row,) = response.json()["results"]
    assert (row["kind"], row["class"], row["system"]) == ("pointer", "COVID-19", "density")
    assert (row["reading"], row["series"]) == (str(reading.pk), str(series.pk))
    assert row["mask"]["box"] == list(FIRST)
    assert row["split"] in ("train", "validation", "test")
    assert "reason" not in row


def test_the_list_of_labels_costs_the_same_for_one_and_for_many(
    world: World, django_assert_max_num_queries: object
) -> None:
    for _ in range(8):
        own = own_region(answered(draft(world.reader, ready_series(world.cohort))), box_mask(SHAPE, DRAWN))
        signed_as_it_is(own)
    client = world.as_user(world.data_manager)
    with django_assert_max_num_queries(10):  # type: ignore[operator]
        assert client.get("/api/v1/cohorts/north/labels/").json()["count"] == 8
