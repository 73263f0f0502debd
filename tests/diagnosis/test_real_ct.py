"""Modest bounds on real scans: an acceptance check, no claim of accuracy."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from diagnosis.dicom.reader import read_folder
from diagnosis.lungs.closed import closed_lungs
from diagnosis.nifti import read_ct
from diagnosis.pipeline import analyse
from diagnosis.results import Quantification

pytestmark = pytest.mark.sample_data


def measured(folder: Path) -> Quantification:
    found = analyse(read_folder(folder).volume, [], {}, lambda stage, part: None).quantification
    assert found is not None
    return found


@pytest.mark.parametrize(("name", "least"), [("covid-P001", 0.93), ("cap-cap001", 0.93)])
def test_slice_evidence_follows_the_radiologists_labels(sample_data: Path, name: str, least: float) -> None:
    truth = np.array(json.loads((sample_data / "chest-ct" / f"{name}-labels.json").read_text())["slices"])
    found = measured(sample_data / "chest-ct" / name)
    evidence = np.array(found.slice_evidence)
    ill, well = evidence[truth == 1], evidence[truth == 0]
    assert (ill[:, None] > well).mean() > least
    assert 0.8 < found.infected_percent < 12


@pytest.mark.parametrize(("name", "most"), [("normal-normal001", 0.5), ("nodule-LIDC-IDRI-0001", 1.5)])
def test_lungs_without_pneumonia_stay_low(sample_data: Path, name: str, most: float) -> None:
    assert measured(sample_data / "chest-ct" / name).infected_percent < most


@pytest.mark.parametrize("name", ["id001", "id002"])
def test_lungs_agree_with_real_masks(sample_data: Path, name: str) -> None:
    folder = sample_data / "lung-masks"
    lungs = closed_lungs(read_ct(folder / f"{name}-128x128x64.nii.gz").volume) > 0
    truth = read_ct(folder / f"{name}-128x128x64-msk.nii.gz").volume.hu > 127
    assert 2 * (lungs & truth).sum() / (lungs.sum() + truth.sum()) > 0.97
