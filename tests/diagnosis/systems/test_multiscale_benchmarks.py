"""Patient-wise folds of the multi-scale classifier, and the control that sees scanners only."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.multiscale_folds import Stages, cross_validated, folds_of
from benchmarks.scanner_control import AWAY_MM, FEATURES, confounded, control, scanner_traces
from diagnosis.labels import ClassName, Split, StudyLabel, write_label_folder
from diagnosis.systems.multiscale.preprocessing import InputSize
from diagnosis.systems.multiscale.scales_training import SMALL as SMALL_SCALES
from diagnosis.systems.multiscale.training import SMALL, MultiscaleSchedule
from diagnosis.training.labelled import LabelledStudies, open_labelled
from diagnosis.volume import CTVolume
from tests.diagnosis.training.folders import classed
from tests.phantoms import chest_phantom

NAMES: tuple[ClassName, ...] = ("COVID-19", "CAP", "NP")
PARTS: tuple[Split, ...] = ("train", "train", "train", "validation", "test")
SCANNERS = ("quiet", "noisy")
NOISE_HU = {"quiet": 4.0, "noisy": 60.0}


def imaged(number: int, class_name: ClassName, scanner: str) -> StudyLabel:
    """A box chest under the noise of a scanner."""
    one = classed(number, class_name, "train" if number % 4 else "validation")
    noise = np.random.default_rng(number).normal(0, NOISE_HU[scanner], one.volume.shape)
    hu = (one.volume.hu + noise).clip(-1024, 3000).astype(np.int16)
    return replace(
        one, volume=CTVolume(hu, one.volume.affine), provenance={**one.provenance, "scanner": scanner}
    )


def opened(folder: Path, studies: list[StudyLabel]) -> LabelledStudies:
    write_label_folder(folder / "labels", studies)
    return open_labelled(folder / "labels", folder / "cache")


def every_class_on_both_scanners(folder: Path) -> LabelledStudies:
    return opened(folder, [
        imaged(12 * place + 6 * index + repeat, name, scanner)
        for place, name in enumerate(NAMES)
        for index, scanner in enumerate(SCANNERS)
        for repeat in range(6)
    ])  # fmt: skip


def test_folds_read_every_patient_once_and_train_on_none_of_them(tmp_path: Path) -> None:
    studies = opened(
        tmp_path, [classed(number, NAMES[number % 3], "train") for number in range(24)]
        + [classed(99, "NP", "validation")],
    )  # fmt: skip
    volumes = [*studies.parts["train"], *studies.parts["validation"]]
    patients = {volume.study: f"patient-{place // 2}" for place, volume in enumerate(volumes)}
    folds = list(folds_of(studies, patients, 3))
    read = [volume.study for fold in folds for volume in fold.parts["test"]]
    assert sorted(read) == sorted(patients)
    for fold in folds:
        parts = [{patients[volume.study] for volume in part} for part in fold.parts.values()]
        assert all(parts)
        assert len(set.union(*parts)) == sum(len(part) for part in parts)


def test_folds_end_in_the_tables_of_the_paper(tmp_path: Path) -> None:
    studies = opened(
        tmp_path, [classed(number, NAMES[number % 3], PARTS[number % 5]) for number in range(15)]
    )
    volumes = [*studies.parts["train"], *studies.parts["validation"]]

    def tiny(schedule: MultiscaleSchedule) -> MultiscaleSchedule:
        settings = replace(schedule.settings, steps=1, validate_every=1, warm_up=0)
        size = InputSize(16, 24, 40.0, "lungs")
        return replace(schedule, settings=settings, size=size, batch=2, slices_validated=1)

    plan = Stages(tiny(SMALL_SCALES), tiny(SMALL))
    lines = cross_validated(studies, {one.study: one.study for one in volumes}, tmp_path / "cache", plan, 2)
    text = "\n".join(lines)
    for row in ("conv3 alone | 12", "joint classifier | 12", "NP/COVID-19 | 8", "| CAP | 12"):
        assert row in text
    assert "AUC of COVID-19 over 2 folds" in text


def test_classes_that_follow_scanners_are_told_without_the_lungs(tmp_path: Path) -> None:
    studies = every_class_on_both_scanners(tmp_path)
    volumes = [*studies.parts["train"], *studies.parts["validation"]]
    patients = {volume.study: volume.study for volume in volumes}
    blind = control(volumes, patients, tmp_path / "cache", folds=2)
    chosen = confounded(volumes)
    misled = control(chosen, patients, tmp_path / "cache", folds=2)
    assert {volume.provenance["scanner"] for volume in chosen if volume.class_name == "COVID-19"} == {"noisy"}
    assert blind.by_class["COVID-19"].auc is not None
    assert misled.by_class["COVID-19"].auc is not None
    assert blind.by_class["COVID-19"].auc.value < 0.75
    assert misled.by_class["COVID-19"].auc.value > 0.95


@pytest.mark.parametrize("disease_hu", [-550, 30])
def test_the_control_sees_nothing_of_the_lungs_and_what_lies_around_them(disease_hu: int) -> None:
    phantom = chest_phantom(slices=12)
    hu = phantom.volume.hu.copy()
    before = scanner_traces(phantom.volume, phantom.lungs)
    assert len(before) == len(FEATURES)
    _, y, x = np.nonzero(phantom.lungs)
    _, row_mm, pixel_mm = phantom.volume.spacing_mm
    rows, columns = int(AWAY_MM / row_mm) // 2, int(AWAY_MM / pixel_mm) // 2
    hu[:, y.min() - rows : y.max() + rows, x.min() : x.min() + columns] = disease_hu
    after = scanner_traces(CTVolume(hu, phantom.volume.affine), phantom.lungs)
    np.testing.assert_allclose(after, before, rtol=0.05, atol=0.02)
