"""The label folder, opened with nibabel: what was drawn in the reading lies at its place in the patient."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from diagnosis.labels import read_label_folder
from tests.phantoms import ChestPhantom, chest_phantom
from tests.webapp.conftest import World
from webapp.analyses.factories import box_mask, finished_analysis, ready_revision, ready_series
from webapp.audit.models import AuditEvent
from webapp.cohorts.factories import MembershipFactory
from webapp.cohorts.models import Role
from webapp.imaging.models import Series
from webapp.learning.export import export_labels
from webapp.learning.splitting import split_of
from webapp.reviews.factories import answered, draft, drawn, judged, own_region, signed, signed_as_it_is
from webapp.reviews.models import Judgement, Reading, RejectionReason, Round


@pytest.fixture(scope="module")
def phantom() -> ChestPhantom:
    return chest_phantom(slices=30, size=48)


def phantom_series(world: World, phantom: ChestPhantom, **patient: Any) -> Series:
    return ready_series(world.cohort, volume=phantom.volume, **patient)


def load(folder: Path, series: Series, name: str) -> Any:
    return nibabel.load(folder / str(series.pk) / f"{name}.nii.gz")


def centre_lps(image: Any, values: np.ndarray) -> np.ndarray:
    """Return the centroid in LPS mm of a mask in a NIfTI image."""
    ras = image.affine @ np.append(np.argwhere(values).mean(axis=0), 1.0)
    return np.array([-ras[0], -ras[1], ras[2]])


def truth_lps(phantom: ChestPhantom, mask: np.ndarray) -> np.ndarray:
    z, y, x = np.argwhere(mask).mean(axis=0)
    return np.asarray(phantom.volume.affine @ np.array([x, y, z, 1.0]))[:3]


def test_a_drawn_lesion_comes_out_at_its_place_in_the_patient(
    world: World, phantom: ChestPhantom, tmp_path: Path
) -> None:
    series = phantom_series(world, phantom)
    reading = answered(draft(world.reader, series), nothing_else=True)
    reading = own_region(reading, phantom.ground_glass, 1)
    reading = own_region(reading, phantom.consolidation, 3)
    signed_as_it_is(reading)
    export_labels(cohort=world.cohort, folder=tmp_path / "labels")

    outline, ct = load(tmp_path / "labels", series, "outline"), load(tmp_path / "labels", series, "ct")
    assert nibabel.aff2axcodes(outline.affine) == ("R", "A", "S") or np.allclose(outline.affine, ct.affine)
    values = np.asarray(outline.dataobj)
    assert (values == 1).sum() == phantom.ground_glass.sum()
    assert (values == 3).sum() == phantom.consolidation.sum()
    for value, mask in ((1, phantom.ground_glass), (3, phantom.consolidation)):
        assert centre_lps(outline, values == value) == pytest.approx(truth_lps(phantom, mask), abs=1e-3)
    # The ground glass is in the right lung (LPS x below the middle), low and behind.
    assert centre_lps(outline, values == 1)[0] < centre_lps(outline, values == 3)[0]
    assert centre_lps(outline, values == 1)[2] < centre_lps(outline, values == 3)[2]
    hu = np.asarray(ct.dataobj)
    assert hu[values == 1].mean() == pytest.approx(phantom.volume.hu[phantom.ground_glass].mean(), abs=0.01)
    assert hu.dtype == np.int16
    assert np.asarray(load(tmp_path / "labels", series, "ignore").dataobj).sum() == 0


def test_the_folder_reads_back_voxel_for_voxel(world: World, phantom: ChestPhantom, tmp_path: Path) -> None:
    series = phantom_series(world, phantom)
    signed_as_it_is(own_region(answered(draft(world.reader, series)), phantom.ground_glass, 2))
    exported = export_labels(cohort=world.cohort, folder=tmp_path / "labels")
    folder = read_label_folder(tmp_path / "labels")
    label = folder.read(str(series.pk))
    assert folder.label_set == exported.label_set
    assert np.array_equal(label.volume.hu, phantom.volume.hu)
    assert np.allclose(label.volume.affine, phantom.volume.affine, atol=1e-4)
    assert label.outline is not None
    assert np.array_equal(label.outline, phantom.ground_glass * 2)
    assert label.ignore is not None
    assert np.array_equal(label.ignore, ~phantom.ground_glass)
    assert (label.class_name, label.kinds) == ("COVID-19", ("outline",))
    assert label.manifest_hash == series.current.manifest_hash  # type: ignore[union-attr]
    assert label.provenance["answers"]["co_rads"] == 5


def test_every_verdict_goes_to_its_file(world: World, phantom: ChestPhantom, tmp_path: Path) -> None:
    series = phantom_series(world, phantom)
    shape = phantom.volume.shape
    pointed, rejected = box_mask(shape, (2, 4, 4, 6, 9, 9)), box_mask(shape, (10, 4, 4, 14, 9, 9))
    unsure, redrawn = box_mask(shape, (20, 4, 4, 24, 9, 9)), box_mask(shape, (20, 20, 20, 24, 25, 25))
    other_pointer = box_mask(shape, (3, 6, 6, 8, 12, 12))
    analysis = finished_analysis(
        series, {"density": [pointed, rejected, unsure, redrawn], "patchwise": [other_pointer]}
    )
    reading = judged(answered(draft(world.reader, series)))
    reading = judged(reading, Judgement.REJECTED, numbers={2}, reason=RejectionReason.MOTION)
    reading = judged(reading, Judgement.UNSURE, numbers={3})
    smaller = box_mask(shape, (21, 21, 21, 23, 24, 24))
    reading = drawn(reading, analysis.regions.get(system="density", number=4).pk, smaller)
    signed_as_it_is(reading)
    export_labels(cohort=world.cohort, folder=tmp_path / "labels")
    label = read_label_folder(tmp_path / "labels").read(str(series.pk))
    assert label.kinds == ("outline", "pointer", "false evidence", "unsure")
    assert [mask.sum() for mask in label.look] == [pointed.sum(), other_pointer.sum()]
    assert np.array_equal(label.look[0], pointed)
    assert np.array_equal(label.look[1], other_pointer)
    assert (tmp_path / "labels" / str(series.pk) / "look-2.nii.gz").is_file()
    assert label.not_look is not None
    assert np.array_equal(label.not_look, rejected)
    assert label.outline is not None
    assert np.array_equal(label.outline, smaller * 4)
    assert label.ignore is not None
    assert np.array_equal(label.ignore, ~smaller)
    assert label.provenance["rejected"] == [{"system": "density", "reason": "motion"}]


def test_nothing_else_makes_all_but_pointers_and_unsure_places_background(
    world: World, phantom: ChestPhantom, tmp_path: Path
) -> None:
    series = phantom_series(world, phantom)
    shape = phantom.volume.shape
    pointed, unsure = box_mask(shape, (2, 4, 4, 6, 9, 9)), box_mask(shape, (20, 4, 4, 24, 9, 9))
    finished_analysis(series, {"density": [pointed, unsure]})
    reading = judged(answered(draft(world.reader, series), nothing_else=True))
    signed_as_it_is(judged(reading, Judgement.UNSURE, numbers={2}))
    export_labels(cohort=world.cohort, folder=tmp_path / "labels")
    label = read_label_folder(tmp_path / "labels").read(str(series.pk))
    assert label.ignore is not None
    assert np.array_equal(label.ignore, pointed | unsure)
    assert label.outline is not None
    assert not label.outline.any()
    assert "background" in label.kinds


def test_what_is_drawn_wins_over_evidence_that_overlaps_it(
    world: World, phantom: ChestPhantom, tmp_path: Path
) -> None:
    series = phantom_series(world, phantom)
    shape = phantom.volume.shape
    rejected, own = box_mask(shape, (2, 4, 4, 8, 9, 9)), box_mask(shape, (6, 4, 4, 12, 9, 9))
    finished_analysis(series, {"density": [rejected]})
    reading = judged(answered(draft(world.reader, series)), Judgement.REJECTED, reason=RejectionReason.OTHER)
    signed_as_it_is(own_region(reading, own, 1))
    export_labels(cohort=world.cohort, folder=tmp_path / "labels")
    label = read_label_folder(tmp_path / "labels").read(str(series.pk))
    assert label.not_look is not None
    assert np.array_equal(label.not_look, rejected & ~own)


def test_an_export_without_a_signed_reading_is_refused_in_words_and_writes_nothing(
    world: World, tmp_path: Path
) -> None:
    answered(draft(world.reader, ready_series(world.cohort)))
    with pytest.raises(CommandError, match=r"No reading of the cohort north is signed"):
        call_command("export_labels", cohort="north", out=tmp_path / "labels")
    assert not (tmp_path / "labels").exists()
    with pytest.raises(CommandError, match=r"There is no cohort east\. Cohorts here: north, south"):
        call_command("export_labels", cohort="east", out=tmp_path / "labels")


def test_a_folder_with_files_is_not_written_into(world: World, phantom: ChestPhantom, tmp_path: Path) -> None:
    signed(world.reader, phantom_series(world, phantom))
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(CommandError, match="holds files already"):
        call_command("export_labels", cohort="north", out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_the_command_says_what_it_wrote_and_the_trail_keeps_it(
    world: World, phantom: ChestPhantom, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    signed(world.reader, phantom_series(world, phantom))
    call_command("export_labels", cohort="north", out=tmp_path / "labels")
    told = capsys.readouterr().out
    label_set = json.loads((tmp_path / "labels" / "manifest.json").read_text())["label_set"]
    assert told.splitlines()[:3] == [f"label set: {label_set}", "studies: 1", "patients: 1"]
    assert "Research use only. Not a medical device." in told
    event = AuditEvent.objects.get(action="labels.exported")
    assert event.details == {"label_set": label_set, "studies": 1}


def test_the_same_labels_have_the_same_hash_wherever_they_are_written(
    world: World, phantom: ChestPhantom, tmp_path: Path
) -> None:
    signed(world.reader, phantom_series(world, phantom))
    first = export_labels(cohort=world.cohort, folder=tmp_path / "a")
    assert export_labels(cohort=world.cohort, folder=tmp_path / "b") == first


def test_only_the_cohorts_own_readings_are_exported(
    world: World, phantom: ChestPhantom, tmp_path: Path
) -> None:
    mine = phantom_series(world, phantom)
    signed(world.reader, mine)
    signed(world.stranger, ready_series(world.other_cohort, volume=phantom.volume))
    export_labels(cohort=world.cohort, folder=tmp_path / "labels")
    assert list(read_label_folder(tmp_path / "labels").patients) == [str(mine.pk)]


def test_of_several_readings_an_adjudication_speaks_else_the_last_signed(
    world: World, phantom: ChestPhantom, tmp_path: Path
) -> None:
    colleague = MembershipFactory(cohort=world.cohort, role=Role.READER).user
    series = phantom_series(world, phantom)
    signed(world.reader, series, diagnosis="CAP")
    signed(colleague, series, diagnosis="NP")

    def exported(name: str) -> str:
        export_labels(cohort=world.cohort, folder=tmp_path / name)
        return read_label_folder(tmp_path / name).read(str(series.pk)).class_name

    assert exported("last") == "NP"
    signed(world.lead, series, Round.ADJUDICATION, diagnosis="other")
    signed(world.reader, series, Round.SECOND, diagnosis="COVID-19")
    assert exported("adjudicated") == "other"


def test_a_later_revision_of_the_series_leaves_the_signed_label_as_it_was(
    world: World, phantom: ChestPhantom, tmp_path: Path
) -> None:
    series = phantom_series(world, phantom)
    reading = signed_as_it_is(own_region(answered(draft(world.reader, series)), phantom.ground_glass, 1))
    other = chest_phantom(slices=32, size=48, seed=1)
    series.current = ready_revision(series, number=2, volume=other.volume)
    series.save()
    export_labels(cohort=world.cohort, folder=tmp_path / "labels")
    label = read_label_folder(tmp_path / "labels").read(str(series.pk))
    assert label.volume.shape == phantom.volume.shape
    assert label.manifest_hash == Reading.objects.get(pk=reading.pk).series_revision.manifest_hash


def test_a_patient_stands_on_one_side_of_the_split_for_life(
    world: World, phantom: ChestPhantom, tmp_path: Path
) -> None:
    one, two = (phantom_series(world, phantom, pseudonym=name) for name in ("A", "B"))
    two.study.patient = one.study.patient
    two.study.save()
    signed(world.reader, one)
    signed(world.reader, two)
    exported = export_labels(cohort=world.cohort, folder=tmp_path / "labels")
    assert (exported.studies, exported.patients) == (2, 1)
    split = read_label_folder(tmp_path / "labels").split
    assert split == {str(one.study.patient.pk): split_of(one.study.patient.pk)}


def test_the_split_is_a_fixed_function_of_the_patient_in_the_stated_shares() -> None:
    from uuid import UUID

    sides = [split_of(UUID(int=number)) for number in range(4000)]
    assert 0.67 < sides.count("train") / 4000 < 0.73
    assert 0.13 < sides.count("validation") / 4000 < 0.17
    assert [split_of(UUID(int=number)) for number in range(5)] == sides[:5]


def test_no_name_of_a_patient_or_reader_is_in_the_folder(
    world: World, phantom: ChestPhantom, tmp_path: Path
) -> None:
    series = phantom_series(world, phantom, name="Secret^Name", patient_id="ID-SECRET")
    signed(world.reader, series)
    export_labels(cohort=world.cohort, folder=tmp_path / "labels")
    for path in (tmp_path / "labels").rglob("*.json"):
        text = path.read_text()
        assert "SECRET" not in text.upper()
        assert world.reader.email not in text
