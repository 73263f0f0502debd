"""Density rules against a naive threshold on real chest CTs, in one run.

    LUNGSIGHT_SAMPLE_DATA=DIR python -m benchmarks.real_ct

For every series in ``DIR/chest-ct``: lung volume and infected %; where radiologists labelled the slices
(``NAME-labels.json``) the area under the ROC curve of the slice evidence. The naive baseline counts lung
voxels between -600 and 100 HU, smoothed over z alike. For ``DIR/lung-masks``: Dice of the lungs.
Few scans: an acceptance check, no claim of accuracy.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np
from scipy import stats

from diagnosis.dicom.reader import read_folder
from diagnosis.lungs.closed import closed_lungs
from diagnosis.nifti import read_ct
from diagnosis.pipeline import load_system
from diagnosis.quantification.measuring import quantify
from diagnosis.results import Quantification
from diagnosis.systems.interface import Case

RULES = ("closed", "published")
_COLUMNS = "{:<24}{:<18}{:>9}{:>12}{:>11}{:>9}{:>7}"


def main() -> None:
    """Print one block per series."""
    folder = Path(os.environ.get("LUNGSIGHT_SAMPLE_DATA", ""))
    if not (folder / "chest-ct").is_dir():
        print("Nothing to measure: set LUNGSIGHT_SAMPLE_DATA to a folder with chest-ct/.")
        return
    print(_COLUMNS.format("series", "method", "lungs ml", "infected %", "slice AUC", "regions", "s"))
    for series in sorted(path for path in (folder / "chest-ct").iterdir() if path.is_dir()):
        _one_series(series)
    for image in sorted((folder / "lung-masks").glob("*[0-9].nii.gz")):
        mask = image.with_name(image.name.replace(".nii.gz", "-msk.nii.gz"))
        print(f"{image.name:<42}lung Dice {_lung_dice(image, mask):.4f}")


def slice_auc(labels: np.ndarray, evidence: np.ndarray) -> float:
    """Return the area under the ROC curve (Mann-Whitney; ties count half)."""
    positive, negative = evidence[labels == 1], evidence[labels == 0]
    return float(stats.mannwhitneyu(positive, negative).statistic / (len(positive) * len(negative)))


def _one_series(folder: Path) -> None:
    volume = read_folder(folder).volume
    started = time.monotonic()
    case = Case(volume, closed_lungs(volume))
    lung_seconds = time.monotonic() - started
    naive = (case.lungs > 0) & (volume.hu > -600) & (volume.hu < 100)
    _row(
        folder, "naive threshold", quantify(naive, case.lungs, volume.voxel_ml, "density"), None, lung_seconds
    )
    for rule in RULES:
        started = time.monotonic()
        result = load_system("density").run(case, {"rule": rule}, lambda part: None)
        if result.quantification is not None:
            seconds = time.monotonic() - started
            _row(folder, f"density {rule}", result.quantification, len(result.regions), seconds)


def _row(folder: Path, method: str, measured: Quantification, regions: int | None, seconds: float) -> None:
    labels = folder.with_name(f"{folder.name}-labels.json")
    auc = "-"
    if labels.exists():
        truth = np.array(json.loads(labels.read_text())["slices"])
        auc = f"{slice_auc(truth, np.array(measured.slice_evidence)):.3f}"
    volume_ml = measured.right.volume_ml + measured.left.volume_ml
    percent, count = f"{measured.infected_percent:.2f}", "-" if regions is None else regions
    print(_COLUMNS.format(folder.name, method, f"{volume_ml:.0f}", percent, auc, count, f"{seconds:.1f}"))


def _lung_dice(image: Path, mask: Path) -> float:
    lungs = closed_lungs(read_ct(image).volume) > 0
    truth = read_ct(mask).volume.hu > 127
    return float(2 * (lungs & truth).sum() / (lungs.sum() + truth.sum()))


if __name__ == "__main__":
    main()
